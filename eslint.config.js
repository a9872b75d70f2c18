/**
 * Lint: the rules that find faults, with types (typescript-eslint's strict set).
 * Layout is left to people. A rule is off only where it would forbid something
 * that the code does on purpose; the reason stands beside it.
 */
import eslint from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  globalIgnores(['**/dist/', '**/fixtures/', 'runs/']),
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/ban-ts-comment': [
        'error',
        {
          'ts-expect-error': 'allow-with-description',
          'ts-ignore': true,
          'ts-nocheck': true,
          minimumDescriptionLength: 10,
        },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        {
          object: 'Math',
          property: 'random',
          message:
            'Random numbers come from @rna/kernels (RandomStream), so that a seed gives the same run everywhere.',
        },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Export by name, so that a thing has one name everywhere.' },
      ],
      // Under noUncheckedIndexedAccess `x[i]!` is how a numeric loop says that i is in range.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Types lie about what comes from outside (JSON, adapters, the environment), and such checks are wanted.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // `[...sequence]` walks letters, and RNA has no emojis.
      '@typescript-eslint/no-misused-spread': 'off',
      // A third of the whole run for what the house does not have: enums, and classes that pass for others.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // A generic that ties one argument to the result reads better than a cast at every call.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  // The tools that read these files want a default export.
  { files: ['eslint.config.js', '**/*.config.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['**/test/**'],
    rules: {
      // A test shows figures to people through vitest's console.
      'no-console': 'off',
    },
  },
  {
    // Type-checked by tsc alone: JSON.parse and dynamic imports are typed by JSDoc there, which these rules read as
    // any.
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: { process: 'readonly', performance: 'readonly', URL: 'readonly' } },
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off', '@typescript-eslint/no-unsafe-return': 'off' },
  },
);
