enable subgroups;
enable f16;
enable chromium_experimental_subgroup_matrix;
struct Uniforms {
  rows: u32,
  inner: u32,
  cols: u32,
  depth: u32,
}
@group(0) @binding(0) var<uniform> u: Uniforms;
@group(0) @binding(1) var<storage, read> a: array<vec4h>;
@group(0) @binding(2) var<storage, read> b: array<vec4h>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
alias y_t = f32;


alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
var<workgroup> tileA: array<f16, 5120>;
var<workgroup> tileB: array<f16, 2560>;
var<workgroup> results: array<f32, 1024>;

alias OuterA = u32;
alias InnerA = u32;
fn outerA(index: u32) -> u32 { return min(index, u.rows - 1u) * (u.inner / 4u); }
fn innerA(k: u32) -> u32 { return k; }
fn nextA(k: u32) -> u32 { return k + 32u; }
fn vectorA(outer: u32, k: u32) -> vec4f { return vec4f(a[outer + min(k, u.inner - 1u) / 4u]); }

alias OuterB = u32;
alias InnerB = u32;
fn outerB(index: u32) -> u32 { return min(index, u.cols - 1u) * (u.inner / 4u); }
fn innerB(k: u32) -> u32 { return k; }
fn nextB(k: u32) -> u32 { return k + 32u; }
fn vectorB(outer: u32, k: u32) -> vec4f { return vec4f(b[outer + min(k, u.inner - 1u) / 4u]); }

var<private> part: u32;
fn store(row: u32, col: u32, value: f32) {
  y[(part * u.rows + row) * u.cols + col] = y_t(value);
}
@compute @workgroup_size(128, 1, 1)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32, @builtin(subgroup_invocation_id) sid: u32, @builtin(subgroup_id) subgroup: u32) {

  part = wid.z;

  let rows = u.rows;
  let cols = u.cols;
  let first = wid.z * u.depth;
  let end = min(u.inner, first + u.depth);
  let colVectors = (cols + 3u) / 4u;
  let rowTiles = (rows + 127u) / 128u;
  let tileIndex = wid.y * groups.x + wid.x;
  let rowTile = tileIndex % rowTiles;
  let colTile = tileIndex / rowTiles;
  if (colTile * 64u >= cols) { return; }
  let row0 = rowTile * 128u;
  let col0 = colTile * 64u;
  let ownRow = subgroup / 2u * 64u;
  let ownCol = subgroup % 2u * 32u;
  let ownResults = subgroup * 256u;
  let kA0 = lane % 8u * 4u;
  var atA0 = innerA(first + kA0);
  let ownA0 = lane / 8u;
  let placeA0 = outerA(row0 + ownA0);
  let putA0 = ownA0 * 40u + kA0;
  var readA0 = vec4h();
  let ownA1 = (lane + 128u) / 8u;
  let placeA1 = outerA(row0 + ownA1);
  let putA1 = ownA1 * 40u + kA0;
  var readA1 = vec4h();
  let ownA2 = (lane + 256u) / 8u;
  let placeA2 = outerA(row0 + ownA2);
  let putA2 = ownA2 * 40u + kA0;
  var readA2 = vec4h();
  let ownA3 = (lane + 384u) / 8u;
  let placeA3 = outerA(row0 + ownA3);
  let putA3 = ownA3 * 40u + kA0;
  var readA3 = vec4h();
  let ownA4 = (lane + 512u) / 8u;
  let placeA4 = outerA(row0 + ownA4);
  let putA4 = ownA4 * 40u + kA0;
  var readA4 = vec4h();
  let ownA5 = (lane + 640u) / 8u;
  let placeA5 = outerA(row0 + ownA5);
  let putA5 = ownA5 * 40u + kA0;
  var readA5 = vec4h();
  let ownA6 = (lane + 768u) / 8u;
  let placeA6 = outerA(row0 + ownA6);
  let putA6 = ownA6 * 40u + kA0;
  var readA6 = vec4h();
  let ownA7 = (lane + 896u) / 8u;
  let placeA7 = outerA(row0 + ownA7);
  let putA7 = ownA7 * 40u + kA0;
  var readA7 = vec4h();
  let kB0 = lane % 8u * 4u;
  var atB0 = innerB(first + kB0);
  let ownB0 = lane / 8u;
  let placeB0 = outerB(col0 + ownB0);
  let putB0 = ownB0 * 40u + kB0;
  var readB0 = vec4h();
  let ownB1 = (lane + 128u) / 8u;
  let placeB1 = outerB(col0 + ownB1);
  let putB1 = ownB1 * 40u + kB0;
  var readB1 = vec4h();
  let ownB2 = (lane + 256u) / 8u;
  let placeB2 = outerB(col0 + ownB2);
  let putB2 = ownB2 * 40u + kB0;
  var readB2 = vec4h();
  let ownB3 = (lane + 384u) / 8u;
  let placeB3 = outerB(col0 + ownB3);
  let putB3 = ownB3 * 40u + kB0;
  var readB3 = vec4h();
  var s0_0 = subgroup_matrix_result<f32, 16, 16>();
  var s0_1 = subgroup_matrix_result<f32, 16, 16>();
  var s1_0 = subgroup_matrix_result<f32, 16, 16>();
  var s1_1 = subgroup_matrix_result<f32, 16, 16>();
  var s2_0 = subgroup_matrix_result<f32, 16, 16>();
  var s2_1 = subgroup_matrix_result<f32, 16, 16>();
  var s3_0 = subgroup_matrix_result<f32, 16, 16>();
  var s3_1 = subgroup_matrix_result<f32, 16, 16>();
  var k0 = first;
    readA0 = select(vec4h(), vec4h(vectorA(placeA0, atA0)), k0 + kA0 < end);
    readA1 = select(vec4h(), vec4h(vectorA(placeA1, atA0)), k0 + kA0 < end);
    readA2 = select(vec4h(), vec4h(vectorA(placeA2, atA0)), k0 + kA0 < end);
    readA3 = select(vec4h(), vec4h(vectorA(placeA3, atA0)), k0 + kA0 < end);
    readA4 = select(vec4h(), vec4h(vectorA(placeA4, atA0)), k0 + kA0 < end);
    readA5 = select(vec4h(), vec4h(vectorA(placeA5, atA0)), k0 + kA0 < end);
    readA6 = select(vec4h(), vec4h(vectorA(placeA6, atA0)), k0 + kA0 < end);
    readA7 = select(vec4h(), vec4h(vectorA(placeA7, atA0)), k0 + kA0 < end);
    readB0 = vec4h(vectorB(placeB0, atB0));
    readB1 = vec4h(vectorB(placeB1, atB0));
    readB2 = vec4h(vectorB(placeB2, atB0));
    readB3 = vec4h(vectorB(placeB3, atB0));
  while (k0 < end) {
    tileA[putA0 + 0u] = readA0[0];
    tileA[putA0 + 1u] = readA0[1];
    tileA[putA0 + 2u] = readA0[2];
    tileA[putA0 + 3u] = readA0[3];
    tileA[putA1 + 0u] = readA1[0];
    tileA[putA1 + 1u] = readA1[1];
    tileA[putA1 + 2u] = readA1[2];
    tileA[putA1 + 3u] = readA1[3];
    tileA[putA2 + 0u] = readA2[0];
    tileA[putA2 + 1u] = readA2[1];
    tileA[putA2 + 2u] = readA2[2];
    tileA[putA2 + 3u] = readA2[3];
    tileA[putA3 + 0u] = readA3[0];
    tileA[putA3 + 1u] = readA3[1];
    tileA[putA3 + 2u] = readA3[2];
    tileA[putA3 + 3u] = readA3[3];
    tileA[putA4 + 0u] = readA4[0];
    tileA[putA4 + 1u] = readA4[1];
    tileA[putA4 + 2u] = readA4[2];
    tileA[putA4 + 3u] = readA4[3];
    tileA[putA5 + 0u] = readA5[0];
    tileA[putA5 + 1u] = readA5[1];
    tileA[putA5 + 2u] = readA5[2];
    tileA[putA5 + 3u] = readA5[3];
    tileA[putA6 + 0u] = readA6[0];
    tileA[putA6 + 1u] = readA6[1];
    tileA[putA6 + 2u] = readA6[2];
    tileA[putA6 + 3u] = readA6[3];
    tileA[putA7 + 0u] = readA7[0];
    tileA[putA7 + 1u] = readA7[1];
    tileA[putA7 + 2u] = readA7[2];
    tileA[putA7 + 3u] = readA7[3];
    tileB[putB0 + 0u] = readB0[0];
    tileB[putB0 + 1u] = readB0[1];
    tileB[putB0 + 2u] = readB0[2];
    tileB[putB0 + 3u] = readB0[3];
    tileB[putB1 + 0u] = readB1[0];
    tileB[putB1 + 1u] = readB1[1];
    tileB[putB1 + 2u] = readB1[2];
    tileB[putB1 + 3u] = readB1[3];
    tileB[putB2 + 0u] = readB2[0];
    tileB[putB2 + 1u] = readB2[1];
    tileB[putB2 + 2u] = readB2[2];
    tileB[putB2 + 3u] = readB2[3];
    tileB[putB3 + 0u] = readB3[0];
    tileB[putB3 + 1u] = readB3[1];
    tileB[putB3 + 2u] = readB3[2];
    tileB[putB3 + 3u] = readB3[3];
    workgroupBarrier();
    k0 += 32u;
    atA0 = nextA(atA0);
    readA0 = select(vec4h(), vec4h(vectorA(placeA0, atA0)), k0 + kA0 < end);
    readA1 = select(vec4h(), vec4h(vectorA(placeA1, atA0)), k0 + kA0 < end);
    readA2 = select(vec4h(), vec4h(vectorA(placeA2, atA0)), k0 + kA0 < end);
    readA3 = select(vec4h(), vec4h(vectorA(placeA3, atA0)), k0 + kA0 < end);
    readA4 = select(vec4h(), vec4h(vectorA(placeA4, atA0)), k0 + kA0 < end);
    readA5 = select(vec4h(), vec4h(vectorA(placeA5, atA0)), k0 + kA0 < end);
    readA6 = select(vec4h(), vec4h(vectorA(placeA6, atA0)), k0 + kA0 < end);
    readA7 = select(vec4h(), vec4h(vectorA(placeA7, atA0)), k0 + kA0 < end);
    atB0 = nextB(atB0);
    readB0 = vec4h(vectorB(placeB0, atB0));
    readB1 = vec4h(vectorB(placeB1, atB0));
    readB2 = vec4h(vectorB(placeB2, atB0));
    readB3 = vec4h(vectorB(placeB3, atB0));


    var a0_0: Left;
var a1_0: Left;
var a2_0: Left;
var a3_0: Left;
    if (subgroup / 2u == 0u) {
      a0_0 = subgroupMatrixLoad<Left, row_major>(&tileA, 0u, 40u);
a1_0 = subgroupMatrixLoad<Left, row_major>(&tileA, 640u, 40u);
a2_0 = subgroupMatrixLoad<Left, row_major>(&tileA, 1280u, 40u);
a3_0 = subgroupMatrixLoad<Left, row_major>(&tileA, 1920u, 40u);
    } else {
      a0_0 = subgroupMatrixLoad<Left, row_major>(&tileA, 2560u, 40u);
a1_0 = subgroupMatrixLoad<Left, row_major>(&tileA, 3200u, 40u);
a2_0 = subgroupMatrixLoad<Left, row_major>(&tileA, 3840u, 40u);
a3_0 = subgroupMatrixLoad<Left, row_major>(&tileA, 4480u, 40u);
    }

    var b0_0: Right;
var b1_0: Right;
    if (subgroup % 2u == 0u) {
      b0_0 = subgroupMatrixLoad<Right, col_major>(&tileB, 0u, 40u);
b1_0 = subgroupMatrixLoad<Right, col_major>(&tileB, 640u, 40u);
    } else {
      b0_0 = subgroupMatrixLoad<Right, col_major>(&tileB, 1280u, 40u);
b1_0 = subgroupMatrixLoad<Right, col_major>(&tileB, 1920u, 40u);
    }
    s0_0 = subgroupMatrixMultiplyAccumulate(a0_0, b0_0, s0_0);
    s0_1 = subgroupMatrixMultiplyAccumulate(a0_0, b1_0, s0_1);
    s1_0 = subgroupMatrixMultiplyAccumulate(a1_0, b0_0, s1_0);
    s1_1 = subgroupMatrixMultiplyAccumulate(a1_0, b1_0, s1_1);
    s2_0 = subgroupMatrixMultiplyAccumulate(a2_0, b0_0, s2_0);
    s2_1 = subgroupMatrixMultiplyAccumulate(a2_0, b1_0, s2_1);
    s3_0 = subgroupMatrixMultiplyAccumulate(a3_0, b0_0, s3_0);
    s3_1 = subgroupMatrixMultiplyAccumulate(a3_0, b1_0, s3_1);


    var a0_16: Left;
var a1_16: Left;
var a2_16: Left;
var a3_16: Left;
    if (subgroup / 2u == 0u) {
      a0_16 = subgroupMatrixLoad<Left, row_major>(&tileA, 16u, 40u);
a1_16 = subgroupMatrixLoad<Left, row_major>(&tileA, 656u, 40u);
a2_16 = subgroupMatrixLoad<Left, row_major>(&tileA, 1296u, 40u);
a3_16 = subgroupMatrixLoad<Left, row_major>(&tileA, 1936u, 40u);
    } else {
      a0_16 = subgroupMatrixLoad<Left, row_major>(&tileA, 2576u, 40u);
a1_16 = subgroupMatrixLoad<Left, row_major>(&tileA, 3216u, 40u);
a2_16 = subgroupMatrixLoad<Left, row_major>(&tileA, 3856u, 40u);
a3_16 = subgroupMatrixLoad<Left, row_major>(&tileA, 4496u, 40u);
    }

    var b0_16: Right;
var b1_16: Right;
    if (subgroup % 2u == 0u) {
      b0_16 = subgroupMatrixLoad<Right, col_major>(&tileB, 16u, 40u);
b1_16 = subgroupMatrixLoad<Right, col_major>(&tileB, 656u, 40u);
    } else {
      b0_16 = subgroupMatrixLoad<Right, col_major>(&tileB, 1296u, 40u);
b1_16 = subgroupMatrixLoad<Right, col_major>(&tileB, 1936u, 40u);
    }
    s0_0 = subgroupMatrixMultiplyAccumulate(a0_16, b0_16, s0_0);
    s0_1 = subgroupMatrixMultiplyAccumulate(a0_16, b1_16, s0_1);
    s1_0 = subgroupMatrixMultiplyAccumulate(a1_16, b0_16, s1_0);
    s1_1 = subgroupMatrixMultiplyAccumulate(a1_16, b1_16, s1_1);
    s2_0 = subgroupMatrixMultiplyAccumulate(a2_16, b0_16, s2_0);
    s2_1 = subgroupMatrixMultiplyAccumulate(a2_16, b1_16, s2_1);
    s3_0 = subgroupMatrixMultiplyAccumulate(a3_16, b0_16, s3_0);
    s3_1 = subgroupMatrixMultiplyAccumulate(a3_16, b1_16, s3_1);
    workgroupBarrier();
  }

  subgroupMatrixStore<row_major>(&results, ownResults, s0_0, 16u);
  workgroupBarrier();
  for (var at = sid; at < 256u; at += 32u) {
    let row = row0 + ownRow + 0u + at / 16u;
    let col = col0 + ownCol + 0u + at % 16u;
    if (row < rows && col < cols) { store(row, col, results[ownResults + at]); }
  }
  workgroupBarrier();

  subgroupMatrixStore<row_major>(&results, ownResults, s0_1, 16u);
  workgroupBarrier();
  for (var at = sid; at < 256u; at += 32u) {
    let row = row0 + ownRow + 0u + at / 16u;
    let col = col0 + ownCol + 16u + at % 16u;
    if (row < rows && col < cols) { store(row, col, results[ownResults + at]); }
  }
  workgroupBarrier();

  subgroupMatrixStore<row_major>(&results, ownResults, s1_0, 16u);
  workgroupBarrier();
  for (var at = sid; at < 256u; at += 32u) {
    let row = row0 + ownRow + 16u + at / 16u;
    let col = col0 + ownCol + 0u + at % 16u;
    if (row < rows && col < cols) { store(row, col, results[ownResults + at]); }
  }
  workgroupBarrier();

  subgroupMatrixStore<row_major>(&results, ownResults, s1_1, 16u);
  workgroupBarrier();
  for (var at = sid; at < 256u; at += 32u) {
    let row = row0 + ownRow + 16u + at / 16u;
    let col = col0 + ownCol + 16u + at % 16u;
    if (row < rows && col < cols) { store(row, col, results[ownResults + at]); }
  }
  workgroupBarrier();

  subgroupMatrixStore<row_major>(&results, ownResults, s2_0, 16u);
  workgroupBarrier();
  for (var at = sid; at < 256u; at += 32u) {
    let row = row0 + ownRow + 32u + at / 16u;
    let col = col0 + ownCol + 0u + at % 16u;
    if (row < rows && col < cols) { store(row, col, results[ownResults + at]); }
  }
  workgroupBarrier();

  subgroupMatrixStore<row_major>(&results, ownResults, s2_1, 16u);
  workgroupBarrier();
  for (var at = sid; at < 256u; at += 32u) {
    let row = row0 + ownRow + 32u + at / 16u;
    let col = col0 + ownCol + 16u + at % 16u;
    if (row < rows && col < cols) { store(row, col, results[ownResults + at]); }
  }
  workgroupBarrier();

  subgroupMatrixStore<row_major>(&results, ownResults, s3_0, 16u);
  workgroupBarrier();
  for (var at = sid; at < 256u; at += 32u) {
    let row = row0 + ownRow + 48u + at / 16u;
    let col = col0 + ownCol + 0u + at % 16u;
    if (row < rows && col < cols) { store(row, col, results[ownResults + at]); }
  }
  workgroupBarrier();

  subgroupMatrixStore<row_major>(&results, ownResults, s3_1, 16u);
  workgroupBarrier();
  for (var at = sid; at < 256u; at += 32u) {
    let row = row0 + ownRow + 48u + at / 16u;
    let col = col0 + ownCol + 16u + at % 16u;
    if (row < rows && col < cols) { store(row, col, results[ownResults + at]); }
  }
  workgroupBarrier();
}
