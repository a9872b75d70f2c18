struct Uniforms {
  rows: u32,
  inner: u32,
  cols: u32,
  depth: u32,
}
@group(0) @binding(0) var<uniform> u: Uniforms;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
alias y_t = f32;


var<workgroup> tileA: array<vec4f, 136>;
var<workgroup> tileB: array<vec4f, 136>;

alias OuterA = u32;
alias InnerA = u32;
fn outerA(index: u32) -> u32 { return min(index, u.rows - 1u) * (u.inner / 4u); }
fn innerA(k: u32) -> u32 { return k; }
fn nextA(k: u32) -> u32 { return k + 16u; }
fn vectorA(outer: u32, k: u32) -> vec4f { return vec4f(a[outer + min(k, u.inner - 1u) / 4u]); }

alias OuterB = u32;
alias InnerB = u32;
fn outerB(vector: u32) -> u32 { return min(vector, (u.cols / 4u) - 1u); }
fn innerB(k: u32) -> u32 { return k * (u.cols / 4u); }
fn nextB(begin: u32) -> u32 { return begin + 16u * (u.cols / 4u); }
fn vectorB(outer: u32, begin: u32) -> vec4f {
  let start = min(begin, (u.inner - 1u) * (u.cols / 4u));
  return vec4f(b[start + outer]);
}
fn storeFour(row: u32, vector: u32, value: vec4f) {
  let col = 4u * vector;
  if (row >= u.rows) { return; }
  if (col + 3u < u.cols) {
    store(row, col, value.x);
    store(row, col + 1u, value.y);
    store(row, col + 2u, value.z);
    store(row, col + 3u, value.w);
    return;
  }
  for (var e = 0u; col + e < u.cols; e++) { store(row, col + e, value[e]); }
}

var<private> part: u32;
fn store(row: u32, col: u32, value: f32) {
  y[(part * u.rows + row) * u.cols + col] = y_t(value);
}
@compute @workgroup_size(64, 1, 1)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {

  part = wid.z;

  let rows = u.rows;
  let cols = u.cols;
  let first = wid.z * u.depth;
  let end = min(u.inner, first + u.depth);
  let colVectors = (cols + 3u) / 4u;
  let rowTiles = (rows + 31u) / 32u;
  let tileIndex = wid.y * groups.x + wid.x;
  let rowTile = tileIndex % rowTiles;
  let colTile = tileIndex / rowTiles;
  if (colTile * 32u >= cols) { return; }
  let tx = lane % 8u;
  let ty = lane / 8u;
  let row0 = rowTile * 32u;
  let vector0 = colTile * 8u;
  let kA0 = lane % 4u * 4u;
  var atA0 = innerA(first + kA0);
  let ownA0 = lane / 4u;
  let placeA0 = outerA(row0 + ownA0);

  let putA0 = kA0 / 4u * 34u + ownA0 / 4u;
  let partA0 = ownA0 % 4u;
  var readA0 = vec4f();
  let ownA1 = (lane + 64u) / 4u;
  let placeA1 = outerA(row0 + ownA1);

  let putA1 = kA0 / 4u * 34u + ownA1 / 4u;
  let partA1 = ownA1 % 4u;
  var readA1 = vec4f();
  let kB0 = lane / 8u;
  let kB1 = (lane + 64u) / 8u;
  var atB0 = innerB(first + kB0);
  var atB1 = innerB(first + kB1);
  let ownB0 = lane % 8u;
  let placeB0 = outerB(4u * vector0 / 4u + ownB0);
  let putB0 = kB0 / 4u * 34u + kB0 % 4u * 8u + ownB0;
  var readB0 = vec4f();
  let ownB1 = (lane + 64u) % 8u;
  let placeB1 = outerB(4u * vector0 / 4u + ownB1);
  let putB1 = kB1 / 4u * 34u + kB1 % 4u * 8u + ownB1;
  var readB1 = vec4f();
  var sum0_0 = vec4f();
  var sum1_0 = vec4f();
  var sum2_0 = vec4f();
  var sum3_0 = vec4f();
  var k0 = first;
    readA0 = select(vec4f(), vectorA(placeA0, atA0), k0 + kA0 < end);
    readA1 = select(vec4f(), vectorA(placeA1, atA0), k0 + kA0 < end);
    readB0 = vectorB(placeB0, atB0);
    readB1 = vectorB(placeB1, atB1);
  while (k0 < end) {
    tileA[putA0 + 0u][partA0] = readA0[0];
    tileA[putA0 + 8u][partA0] = readA0[1];
    tileA[putA0 + 16u][partA0] = readA0[2];
    tileA[putA0 + 24u][partA0] = readA0[3];
    tileA[putA1 + 0u][partA1] = readA1[0];
    tileA[putA1 + 8u][partA1] = readA1[1];
    tileA[putA1 + 16u][partA1] = readA1[2];
    tileA[putA1 + 24u][partA1] = readA1[3];
    tileB[putB0] = readB0;
    tileB[putB1] = readB1;
    workgroupBarrier();
    k0 += 16u;
    atA0 = nextA(atA0);
    readA0 = select(vec4f(), vectorA(placeA0, atA0), k0 + kA0 < end);
    readA1 = select(vec4f(), vectorA(placeA1, atA0), k0 + kA0 < end);
    atB0 = nextB(atB0);
    atB1 = nextB(atB1);
    readB0 = vectorB(placeB0, atB0);
    readB1 = vectorB(placeB1, atB1);
    // Counted by ones: Dawn then sees that no index is beyond its tile, and needs not make sure of it.
    for (var turn = 0u; turn < 4u; turn++) {

      let a0_0 = tileA[turn * 34u + ty + 0u];
      let b0_0 = tileB[turn * 34u + tx + 0u];
      sum0_0 = fma(vec4f(a0_0[0]), b0_0, sum0_0);
      sum1_0 = fma(vec4f(a0_0[1]), b0_0, sum1_0);
      sum2_0 = fma(vec4f(a0_0[2]), b0_0, sum2_0);
      sum3_0 = fma(vec4f(a0_0[3]), b0_0, sum3_0);

      let a0_1 = tileA[turn * 34u + ty + 8u];
      let b0_1 = tileB[turn * 34u + tx + 8u];
      sum0_0 = fma(vec4f(a0_1[0]), b0_1, sum0_0);
      sum1_0 = fma(vec4f(a0_1[1]), b0_1, sum1_0);
      sum2_0 = fma(vec4f(a0_1[2]), b0_1, sum2_0);
      sum3_0 = fma(vec4f(a0_1[3]), b0_1, sum3_0);

      let a0_2 = tileA[turn * 34u + ty + 16u];
      let b0_2 = tileB[turn * 34u + tx + 16u];
      sum0_0 = fma(vec4f(a0_2[0]), b0_2, sum0_0);
      sum1_0 = fma(vec4f(a0_2[1]), b0_2, sum1_0);
      sum2_0 = fma(vec4f(a0_2[2]), b0_2, sum2_0);
      sum3_0 = fma(vec4f(a0_2[3]), b0_2, sum3_0);

      let a0_3 = tileA[turn * 34u + ty + 24u];
      let b0_3 = tileB[turn * 34u + tx + 24u];
      sum0_0 = fma(vec4f(a0_3[0]), b0_3, sum0_0);
      sum1_0 = fma(vec4f(a0_3[1]), b0_3, sum1_0);
      sum2_0 = fma(vec4f(a0_3[2]), b0_3, sum2_0);
      sum3_0 = fma(vec4f(a0_3[3]), b0_3, sum3_0);
    }
    workgroupBarrier();
  }
  storeFour(row0 + 4u * (ty + 0u) + 0u, vector0 + tx + 0u, sum0_0);
  storeFour(row0 + 4u * (ty + 0u) + 1u, vector0 + tx + 0u, sum1_0);
  storeFour(row0 + 4u * (ty + 0u) + 2u, vector0 + tx + 0u, sum2_0);
  storeFour(row0 + 4u * (ty + 0u) + 3u, vector0 + tx + 0u, sum3_0);
}
