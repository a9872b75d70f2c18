import { PbfReader } from 'pbf';
import { expect, test } from 'vitest';
import { encodeOnnx } from '../src/peers/onnx.ts';

type Field = number | Uint8Array;

/** Fields of a message by number, as the wire has them: varints, 4-byte values and byte strings. */
function fieldsOf(bytes: Uint8Array): Map<number, Field[]> {
  return new PbfReader(bytes).readFields((tag, fields: Map<number, Field[]>, pbf) => {
    const value = pbf.type === 2 ? pbf.readBytes() : pbf.type === 5 ? pbf.readFloat() : pbf.readVarint(true);
    fields.set(tag, [...(fields.get(tag) ?? []), value]);
  }, new Map<number, Field[]>());
}

const text = (field: Field | undefined): string => new TextDecoder().decode(field as Uint8Array);
const messages = (fields: Map<number, Field[]>, tag: number): Map<number, Field[]>[] =>
  (fields.get(tag) ?? []).map((field) => fieldsOf(field as Uint8Array));

const model = fieldsOf(
  encodeOnnx({
    nodes: [
      { op: 'Gemm', inputs: ['x', 'w'], outputs: ['h'], attributes: { transB: 1, alpha: { float: 0.5 } } },
      { op: 'Transpose', inputs: ['h'], outputs: ['y'], attributes: { perm: [1, 0], axis: -1 } },
    ],
    inputs: { x: [2, 3] },
    outputs: { y: [300, 2] },
    constants: {
      w: { shape: [300, 3], values: new Float32Array(900).fill(1.5) },
      shape: { shape: [2], values: BigInt64Array.of(-1n, 7n) },
    },
  }),
);

// Field numbers and enumerators below are those of onnx.proto3.
test('a model names its versions', () => {
  expect(model.get(1)).toEqual([10]);
  expect(messages(model, 8).map((opset) => [text(opset.get(1)?.[0]), opset.get(2)?.[0]])).toEqual([['', 21]]);
});

test('nodes carry operators, values and attributes with their types', () => {
  const [graph] = messages(model, 7);
  const nodes = messages(graph!, 1);
  expect(nodes.map((node) => [text(node.get(4)?.[0]), node.get(1)?.map(text), node.get(2)?.map(text)])).toEqual([
    ['Gemm', ['x', 'w'], ['h']],
    ['Transpose', ['h'], ['y']],
  ]);
  const attributes = (node: number): unknown[] =>
    messages(nodes[node]!, 5).map((attribute) => [
      text(attribute.get(1)?.[0]),
      attribute.get(20)?.[0],
      attribute.get(3)?.[0] ?? attribute.get(2)?.[0] ?? attribute.get(8),
    ]);
  expect(attributes(0)).toEqual([
    ['transB', 2, 1],
    ['alpha', 1, 0.5],
  ]);
  expect(attributes(1)).toEqual([
    ['perm', 7, [1, 0]],
    ['axis', 2, -1],
  ]);
});

test('constants and values carry types, shapes and little-endian data', () => {
  const [graph] = messages(model, 7);
  const [w, shape] = messages(graph!, 5);
  expect([text(w!.get(8)?.[0]), w!.get(1), w!.get(2)]).toEqual(['w', [300, 3], [1]]);
  const raw = w!.get(9)![0] as Uint8Array;
  expect([raw.byteLength, new DataView(raw.buffer, raw.byteOffset).getFloat32(3596, true)]).toEqual([3600, 1.5]);
  expect([text(shape!.get(8)?.[0]), shape!.get(1), shape!.get(2)]).toEqual(['shape', [2], [7]]);
  const values = (tag: number): unknown[] =>
    messages(graph!, tag).map((value) => {
      const tensor = fieldsOf(fieldsOf(value.get(2)![0] as Uint8Array).get(1)![0] as Uint8Array);
      return [
        text(value.get(1)?.[0]),
        tensor.get(1),
        messages(tensor, 2).flatMap((extents) => messages(extents, 1).map((extent) => extent.get(1)?.[0])),
      ];
    });
  expect(values(11)).toEqual([['x', [1], [2, 3]]]);
  expect(values(12)).toEqual([['y', [1], [300, 2]]]);
});
