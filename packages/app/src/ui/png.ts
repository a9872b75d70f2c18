/** A drawing as pixels. */

/** Pixels of the picture for one of the drawing. */
const SCALE = 3;
/** Browsers have no canvas beyond some size, and say so by an empty one. */
const MOST_PIXELS = 8000;

/** An SVG file as a PNG on white. Rejects where the browser cannot draw it. */
export async function pngOf(svg: Uint8Array<ArrayBuffer>): Promise<Blob> {
  const address = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const scale = Math.min(SCALE, MOST_PIXELS / Math.max(image.width, image.height));
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [Math.ceil(image.width * scale), Math.ceil(image.height * scale)];
    const context = canvas.getContext('2d');
    if (context === null) throw new Error('this browser gives the page no canvas; take the SVG');
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise<Blob | null>((resolve) => {
      canvas.toBlob(resolve, 'image/png');
    });
    if (blob === null) throw new Error('the drawing is too large for a picture; take the SVG');
    return blob;
  } finally {
    URL.revokeObjectURL(address);
  }
}
