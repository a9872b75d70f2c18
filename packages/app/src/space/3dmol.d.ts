/** The part of 3Dmol.js that is used; its own types are those of a script. */
declare module '3dmol/build/3Dmol-min.js' {
  export interface Atom {
    readonly x: number;
    readonly y: number;
    readonly z: number;
    /** The B-factor. */
    readonly b: number;
  }

  export interface Style {
    readonly colorfunc?: (atom: Atom) => string;
    readonly color?: string;
    readonly radius?: number;
  }

  export interface GLViewer {
    addModel(text: string, format: 'pdb' | 'cif'): unknown;
    setStyle(selection: object, style: Readonly<Record<string, Style>>): void;
    setHoverable(selection: object, is: boolean, over: (atom: Atom) => void, out: () => void): void;
    setClickable(selection: object, is: boolean, click: (atom: Atom) => void): void;
    addSphere(sphere: object): void;
    removeAllShapes(): void;
    removeAllModels(): void;
    rotate(degrees: number, axis: 'x' | 'y'): void;
    zoom(factor: number): void;
    zoomTo(): void;
    resize(): void;
    render(): void;
  }

  const library: {
    createViewer(
      element: HTMLElement,
      config: { readonly backgroundAlpha: number; readonly hoverDuration: number; readonly disableFog: boolean },
    ): GLViewer;
  };
  export default library;
}
