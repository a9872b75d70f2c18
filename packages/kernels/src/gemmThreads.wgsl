enable subgroups;
struct Uniforms {
  rows: u32,
  inner: u32,
  cols: u32,
  depth: u32,
}
@group(0) @binding(0) var<uniform> u: Uniforms;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
alias y_t = f32;



fn loadA(row: u32, k: u32) -> f32 { return f32(a[row * u.inner + k]); }
fn loadA4(row: u32, k4: u32) -> vec4f {
  let last = u.inner - 1u;
  return select(vec4f(), vec4f(loadA(row, min(4u * k4 + 0u, last)), loadA(row, min(4u * k4 + 1u, last)), loadA(row, min(4u * k4 + 2u, last)), loadA(row, min(4u * k4 + 3u, last))), vec4u(4u * k4) + vec4u(0u, 1u, 2u, 3u) <= vec4u(last));
}
fn loadB(k: u32, vector: u32) -> vec4f { return vec4f(b[k * (u.cols / 4u) + vector]); }
var<private> part: u32;
fn store(row: u32, col: u32, value: f32) {
  y[(part * u.rows + row) * u.cols + col] = y_t(value);
}
@compute @workgroup_size(8, 1, 1)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32, @builtin(subgroup_invocation_id) sid: u32) {

  part = wid.z;

  let rows = u.rows;
  let cols = u.cols;
  let first = wid.z * u.depth;
  let end = min(u.inner, first + u.depth);
  let colVectors = (cols + 3u) / 4u;
  let rowTiles = (rows + 3u) / 4u;
  let tileIndex = wid.y * groups.x + wid.x;
  let rowTile = tileIndex % rowTiles;
  let colTile = tileIndex / rowTiles;
  if (colTile * 32u >= cols) { return; }
  let row0 = rowTile * 4u;
  let r0 = min(row0 + 0u + sid, rows - 1u);
  let firstCol = colTile * 8u + sid;
  let c0 = min(firstCol + 0u, colVectors - 1u);
  var s0_0 = vec4f();
  var s1_0 = vec4f();
  var s2_0 = vec4f();
  var s3_0 = vec4f();
  for (var k4 = first / 4u; 4u * k4 < end; k4++) {
    let k0 = min(4u * k4 + 0u, end - 1u);
    let b0_0 = loadB(k0, c0);
    let k1 = min(4u * k4 + 1u, end - 1u);
    let b0_1 = loadB(k1, c0);
    let k2 = min(4u * k4 + 2u, end - 1u);
    let b0_2 = loadB(k2, c0);
    let k3 = min(4u * k4 + 3u, end - 1u);
    let b0_3 = loadB(k3, c0);
    let m0 = loadA4(r0, k4);
    let a0 = subgroupBroadcast(m0, 0u);
    let a1 = subgroupBroadcast(m0, 1u);
    let a2 = subgroupBroadcast(m0, 2u);
    let a3 = subgroupBroadcast(m0, 3u);
    s0_0 = (((s0_0 + a0.x * b0_0) + a0.y * b0_1) + a0.z * b0_2) + a0.w * b0_3;
    s1_0 = (((s1_0 + a1.x * b0_0) + a1.y * b0_1) + a1.z * b0_2) + a1.w * b0_3;
    s2_0 = (((s2_0 + a2.x * b0_0) + a2.y * b0_1) + a2.z * b0_2) + a2.w * b0_3;
    s3_0 = (((s3_0 + a3.x * b0_0) + a3.y * b0_1) + a3.z * b0_2) + a3.w * b0_3;
  }

  for (var e = 0u; e < 4u; e++) {

    let col0 = (firstCol + 0u) * 4u + e;
    if (col0 < cols) {
      if (row0 + 0u < rows) { store(row0 + 0u, col0, s0_0[e]); }
      if (row0 + 1u < rows) { store(row0 + 1u, col0, s1_0[e]); }
      if (row0 + 2u < rows) { store(row0 + 2u, col0, s2_0[e]); }
      if (row0 + 3u < rows) { store(row0 + 3u, col0, s3_0[e]); }
    }
  }
}
