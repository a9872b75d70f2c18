/** The worker that draws structures and writes files, so that the page stays free. Answers come in the order of requests. */
import { figureFile, rna2dJson, structureDrawing, type DrawnStructure } from '@rna/figures';
import { basePairs, writeBpseq, writeCt, writeDotBracket } from '@rna/structure';
import { strToU8, zipSync, type Zippable } from 'fflate';
import type { Colour, Picture } from '../address.ts';
import {
  FILE_FORMATS,
  type Compared,
  type FigureAnswer,
  type FigureRequest,
  type FileFormat,
} from '../fold/protocol.ts';
import { fileNames } from './fileNames.ts';

addEventListener('message', ({ data }: MessageEvent<FigureRequest>) => {
  let answer: FigureAnswer;
  try {
    answer = answerTo(data);
  } catch (error) {
    answer = { failure: error instanceof Error ? error.message : String(error) };
  }
  postMessage(answer);
});

function answerTo(request: FigureRequest): FigureAnswer {
  switch (request.type) {
    case 'drawing':
      return { svg: drawing(request.compared, request.picture, request.colour).markup };
    case 'file': {
      const { format, compared, picture, colour } = request;
      const [stem] = fileNames([compared.folded.id]);
      return { file: { name: `${stem!}.${format}`, bytes: bytesOf(fileText(format, compared, picture, colour)) } };
    }
    case 'archive': {
      const stems = fileNames(request.all.map(({ folded }) => folded.id));
      const files: Zippable = {};
      request.all.forEach((compared, at) => {
        for (const format of FILE_FORMATS)
          files[`${stems[at]!}.${format}`] = strToU8(fileText(format, compared, 'structure', request.colour));
        const { against } = compared;
        if (against !== undefined)
          files[`${stems[at]!}.${against.isKnown ? 'known' : against.name.replace(/\W/g, '')}.dbn`] = strToU8(
            fileText('dbn', against, 'structure', request.colour),
          );
      });
      return { file: { name: 'structures.zip', bytes: new Uint8Array(zipSync(files)) } };
    }
  }
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

const LAYOUTS = { structure: 'radial', arcs: 'arcs', circle: 'circle', matrix: 'radial' } as const;

function drawing({ folded, name, against }: Compared, picture: Picture, colour: Colour) {
  return structureDrawing(drawn({ folded }), {
    layout: LAYOUTS[picture],
    colour,
    name,
    ...(against && { against: { name: against.name, pairs: basePairs(against.folded.partners) } }),
  });
}

function drawn({ folded }: Pick<Compared, 'folded'>): DrawnStructure {
  const { id, sequence, partners, pairs } = folded;
  return {
    id,
    sequence,
    pairs: basePairs(partners),
    probabilities: Array.from(pairs.probability, (p, at) => [pairs.i[at]!, pairs.j[at]!, p] as const),
  };
}

function fileText(format: FileFormat, compared: Compared, picture: Picture, colour: Colour): string {
  const { folded } = compared;
  const remark = `accuracy=${folded.accuracy.toFixed(4)}`;
  const record = { ...folded, ...(!Number.isNaN(folded.accuracy) && { remark }) };
  switch (format) {
    case 'svg':
      return figureFile({ name: folded.id, caption: '', svg: drawing(compared, picture, colour) });
    case 'dbn':
      return writeDotBracket(record);
    case 'ct':
      return writeCt(record);
    case 'bpseq':
      return writeBpseq(record);
    case 'r2dt.json':
      return rna2dJson(drawn(compared));
    case 'pairs.tsv': {
      const { i, j, probability } = folded.pairs;
      const rows = Array.from(probability, (p, at) => `${i[at]! + 1}\t${j[at]! + 1}\t${Number(p.toPrecision(7))}\n`);
      return `i\tj\tp\n${rows.join('')}`;
    }
  }
}
