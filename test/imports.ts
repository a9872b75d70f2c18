/** Reads what a file imports, its strings, and which globals it names, from its syntax tree. */
import ts from 'typescript';
import type { SourceFile } from './files.ts';

export interface Import {
  readonly specifier: string;
  /** Gone at run time: `import type`, `export type` and `import('…').T`. */
  readonly typeOnly: boolean;
}

const known = new WeakMap<SourceFile, Import[]>();

/** Every import of the file, in its order; read once, since many tests ask. */
export function importsOf(file: SourceFile): Import[] {
  const found = known.get(file) ?? readImports(file);
  known.set(file, found);
  return found;
}

function readImports({ path, text }: SourceFile): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node | undefined, typeOnly: boolean): void => {
    if (node !== undefined && ts.isStringLiteralLike(node)) found.push({ specifier: node.text, typeOnly });
  };
  walk(parse(path, text), (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, importsTypesOnly(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
    // A file of a package that is read, not run.
    else if (ts.isCallExpression(node) && node.expression.getText() === 'import.meta.resolve')
      add(node.arguments[0], false);
  });
  return found;
}

/** Every string of the file, and every fixed part of a template; not what is imported. */
export function stringsOf({ path, text }: SourceFile): string[] {
  const found: string[] = [];
  walk(parse(path, text), (node) => {
    if (ts.isImportDeclaration(node.parent ?? node) || ts.isExportDeclaration(node.parent ?? node)) return;
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node))
      found.push(node.text);
  });
  return found;
}

/** The names among `globals` that the file uses as globals: neither as a property nor after declaring them itself. */
export function globalsOf({ path, text }: SourceFile, globals: ReadonlySet<string>): string[] {
  const used = new Set<string>();
  const declared = new Set<string>();
  walk(parse(path, text), (node) => {
    if (!ts.isIdentifier(node) || !globals.has(node.text)) return;
    const parent = node.parent;
    if (
      (ts.isVariableDeclaration(parent) ||
        ts.isParameter(parent) ||
        ts.isFunctionDeclaration(parent) ||
        ts.isBindingElement(parent)) &&
      parent.name === node
    )
      declared.add(node.text);
    else if (!isPropertyName(node, parent)) used.add(node.text);
  });
  return [...used].filter((name) => !declared.has(name));
}

function isPropertyName(node: ts.Identifier, parent: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(parent))
    return parent.name === node && parent.expression.getText() !== 'globalThis';
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isMethodSignature(parent)) &&
    parent.name === node
  );
}

/**
 * `import { type A, type B }` leaves nothing under verbatimModuleSyntax but the bare import, which no cycle of ours
 * depends on.
 */
function importsTypesOnly(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const bindings = clause.namedBindings;
  return (
    clause.name === undefined &&
    bindings !== undefined &&
    ts.isNamedImports(bindings) &&
    bindings.elements.every((element) => element.isTypeOnly)
  );
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => {
    walk(child, visit);
  });
}
