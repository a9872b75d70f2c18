/**
 * Writes ONNX models (onnx.proto3, IR version 10, opset 21): the few messages
 * and fields that a graph of standard operators over floats needs. Field
 * numbers are those of the specification.
 */
import { PbfWriter } from 'pbf';

export type Attribute = number | readonly number[] | { readonly float: number };

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Integers, lists of integers, and floats marked as such. */
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  /** Shapes of f32 values that are fed and fetched. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly outputs: Readonly<Record<string, readonly number[]>>;
  /** Values that are part of the model. */
  readonly constants?: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly values: Float32Array | BigInt64Array }>
  >;
}

const IR_VERSION = 10;
const OPSET = 21;
const ELEMENT_TYPE = { float: 1, int64: 7 } as const;
const ATTRIBUTE_TYPE = { float: 1, int: 2, ints: 7 } as const;

/** The serialised ModelProto. */
export function encodeOnnx(graph: OnnxGraph): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, IR_VERSION);
  pbf.writeMessage(7, writeGraph, graph);
  pbf.writeMessage(
    8,
    (version, message) => {
      message.writeStringField(1, ''); // the standard domain
      message.writeVarintField(2, version);
    },
    OPSET,
  );
  return pbf.finish();
}

function writeGraph({ nodes, inputs, outputs, constants = {} }: OnnxGraph, pbf: PbfWriter): void {
  nodes.forEach((node) => {
    pbf.writeMessage(1, writeNode, node);
  });
  pbf.writeStringField(2, 'benchmark');
  Object.entries(constants).forEach((constant) => {
    pbf.writeMessage(5, writeTensor, constant);
  });
  Object.entries(inputs).forEach((input) => {
    pbf.writeMessage(11, writeValueInfo, input);
  });
  Object.entries(outputs).forEach((output) => {
    pbf.writeMessage(12, writeValueInfo, output);
  });
}

function writeNode({ op, inputs, outputs, attributes = {} }: OnnxNode, pbf: PbfWriter): void {
  inputs.forEach((name) => {
    pbf.writeStringField(1, name);
  });
  outputs.forEach((name) => {
    pbf.writeStringField(2, name);
  });
  pbf.writeStringField(3, outputs[0] ?? op);
  pbf.writeStringField(4, op);
  Object.entries(attributes).forEach((attribute) => {
    pbf.writeMessage(5, writeAttribute, attribute);
  });
}

function writeAttribute([name, value]: [string, Attribute], pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  if (typeof value === 'number') {
    pbf.writeVarintField(3, value);
    pbf.writeVarintField(20, ATTRIBUTE_TYPE.int);
  } else if ('float' in value) {
    pbf.writeFloatField(2, value.float);
    pbf.writeVarintField(20, ATTRIBUTE_TYPE.float);
  } else {
    value.forEach((item) => {
      pbf.writeVarintField(8, item);
    });
    pbf.writeVarintField(20, ATTRIBUTE_TYPE.ints);
  }
}

function writeTensor(
  [name, { shape, values }]: [string, NonNullable<OnnxGraph['constants']>[string]],
  pbf: PbfWriter,
): void {
  shape.forEach((extent) => {
    pbf.writeVarintField(1, extent);
  });
  pbf.writeVarintField(2, values instanceof Float32Array ? ELEMENT_TYPE.float : ELEMENT_TYPE.int64);
  pbf.writeStringField(8, name);
  pbf.writeBytesField(9, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

function writeValueInfo([name, shape]: [string, readonly number[]], pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  pbf.writeMessage(
    2,
    (_type, type) => {
      type.writeMessage(
        1,
        (_tensor, tensor) => {
          tensor.writeVarintField(1, ELEMENT_TYPE.float);
          tensor.writeMessage(
            2,
            (extents, message) => {
              extents.forEach((extent) => {
                message.writeMessage(
                  1,
                  (value, dimension) => {
                    dimension.writeVarintField(1, value);
                  },
                  extent,
                );
              });
            },
            shape,
          );
        },
        null,
      );
    },
    null,
  );
}
