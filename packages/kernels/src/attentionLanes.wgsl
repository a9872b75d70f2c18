enable subgroups;
struct Uniforms {
  tokens: u32,
  heads: u32,
  kvHeads: u32,
  headDim: u32,
  threshold: u32,
  key0: u32,
  key1: u32,
}
@group(0) @binding(0) var<uniform> u: Uniforms;
@group(0) @binding(1) var<storage, read> packed: array<vec4f>;
@group(0) @binding(2) var<storage, read> segments: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> lse: array<vec4f>;
alias y_t = f32;


@compute @workgroup_size(8, 1, 1)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32, @builtin(subgroup_invocation_id) sid: u32) {

  
  let D = u.headDim;
  let blocks = (u.tokens + 3u) / 4u;
  let firstBlock = wid.x * 1u;
  let low = segments[2u * min(4u * firstBlock, u.tokens - 1u)];
  let high = segments[2u * (min(4u * firstBlock + 4u, u.tokens) - 1u) + 1u];
  let block0 = min(firstBlock + 0u, blocks - 1u);
  let row0 = min(4u * firstBlock + 0u, u.tokens - 1u);
let row1 = min(4u * firstBlock + 1u, u.tokens - 1u);
let row2 = min(4u * firstBlock + 2u, u.tokens - 1u);
let row3 = min(4u * firstBlock + 3u, u.tokens - 1u);
  
  let kept0 = min(4u * firstBlock + min(sid + 0u, 3u), u.tokens - 1u);
  let starts0 = segments[2u * kept0];
  let ends0 = select(0u, segments[2u * kept0 + 1u], 4u * firstBlock + sid + 0u < u.tokens);
  let start0 = subgroupBroadcast(starts0, 0u); let end0 = subgroupBroadcast(ends0, 0u);
let start1 = subgroupBroadcast(starts0, 1u); let end1 = subgroupBroadcast(ends0, 1u);
let start2 = subgroupBroadcast(starts0, 2u); let end2 = subgroupBroadcast(ends0, 2u);
let start3 = subgroupBroadcast(starts0, 3u); let end3 = subgroupBroadcast(ends0, 3u);
  let head = wid.y;
  let keyHead = u.heads + head / (u.heads / u.kvHeads);
  let valueHead = keyHead + u.kvHeads;
  let qHead = (head) * blocks;
  var m0 = -3e38; var l0 = 0.0;
var m1 = -3e38; var l1 = 0.0;
var m2 = -3e38; var l2 = 0.0;
var m3 = -3e38; var l3 = 0.0;
  var o0_0 = 0.0;
var o0_1 = 0.0;
var o1_0 = 0.0;
var o1_1 = 0.0;
var o2_0 = 0.0;
var o2_1 = 0.0;
var o3_0 = 0.0;
var o3_1 = 0.0;
  
  for (var base = low / 4u; 4u * base < high; base += 8u) {
    let mine = min(base + sid, blocks - 1u);
    let tokens = vec4u(4u * (base + sid)) + vec4u(0u, 1u, 2u, 3u);
    let valid0 = (tokens >= vec4u(start0)) & (tokens < vec4u(end0));
let valid1 = (tokens >= vec4u(start1)) & (tokens < vec4u(end1));
let valid2 = (tokens >= vec4u(start2)) & (tokens < vec4u(end2));
let valid3 = (tokens >= vec4u(start3)) & (tokens < vec4u(end3));
    
    
    var s0 = vec4f();
var s1 = vec4f();
var s2 = vec4f();
var s3 = vec4f();
    for (var d0 = 0u; d0 < D; d0 += 8u) {
      let at = min(d0 + sid, D - 1u);
      let x0 = vec4f(packed[(qHead + block0) * D + at]);
      let count = min(8u, D - d0);
      // Two components at once, of which there is an even number: half the traffic of the sums.
      for (var d = 0u; d < count; d += 2u) {
        let y0 = vec4f(packed[((keyHead) * blocks + mine) * D + d0 + d]);
        let y1 = vec4f(packed[((keyHead) * blocks + mine) * D + d0 + d + 1u]);
        s0 = (s0 + subgroupShuffle(x0[0], d) * y0) + subgroupShuffle(x0[0], d + 1u) * y1;
s1 = (s1 + subgroupShuffle(x0[1], d) * y0) + subgroupShuffle(x0[1], d + 1u) * y1;
s2 = (s2 + subgroupShuffle(x0[2], d) * y0) + subgroupShuffle(x0[2], d + 1u) * y1;
s3 = (s3 + subgroupShuffle(x0[3], d) * y0) + subgroupShuffle(x0[3], d + 1u) * y1;
      }
    }
    
    s0 = select(vec4f(-3e38), s0, valid0);
    let top0 = max(max(s0.x, s0.y), max(s0.z, s0.w));

    s1 = select(vec4f(-3e38), s1, valid1);
    let top1 = max(max(s1.x, s1.y), max(s1.z, s1.w));

    s2 = select(vec4f(-3e38), s2, valid2);
    let top2 = max(max(s2.x, s2.y), max(s2.z, s2.w));

    s3 = select(vec4f(-3e38), s3, valid3);
    let top3 = max(max(s3.x, s3.y), max(s3.z, s3.w));
    let topLargest0 = subgroupMax(top0);
let topLargest1 = subgroupMax(top1);
let topLargest2 = subgroupMax(top2);
let topLargest3 = subgroupMax(top3);
    
    let now0 = max(m0, topLargest0);
    let shrink0 = exp(m0 - now0);
    m0 = now0;
    var p0 = select(vec4f(), exp(s0 - m0), valid0);
    l0 = l0 * shrink0 + ((p0.x + p0.y) + (p0.z + p0.w));
    
    o0_0 *= shrink0;
o0_1 *= shrink0;

    let now1 = max(m1, topLargest1);
    let shrink1 = exp(m1 - now1);
    m1 = now1;
    var p1 = select(vec4f(), exp(s1 - m1), valid1);
    l1 = l1 * shrink1 + ((p1.x + p1.y) + (p1.z + p1.w));
    
    o1_0 *= shrink1;
o1_1 *= shrink1;

    let now2 = max(m2, topLargest2);
    let shrink2 = exp(m2 - now2);
    m2 = now2;
    var p2 = select(vec4f(), exp(s2 - m2), valid2);
    l2 = l2 * shrink2 + ((p2.x + p2.y) + (p2.z + p2.w));
    
    o2_0 *= shrink2;
o2_1 *= shrink2;

    let now3 = max(m3, topLargest3);
    let shrink3 = exp(m3 - now3);
    m3 = now3;
    var p3 = select(vec4f(), exp(s3 - m3), valid3);
    l3 = l3 * shrink3 + ((p3.x + p3.y) + (p3.z + p3.w));
    
    o3_0 *= shrink3;
o3_1 *= shrink3;
    
    
    let walked = min(8u, (high - 4u * base + 3u) / 4u);
    for (var source = 0u; source < walked; source++) {
      
      let oAt = ((valueHead) * blocks + base + source) * D;
      let oz0 = vec4f(packed[oAt + min(sid + 0u, D - 1u)]);
let oz1 = vec4f(packed[oAt + min(sid + 8u, D - 1u)]);
      
      let op0 = subgroupShuffle(p0, source);
      o0_0 += dot(op0, oz0);
o0_1 += dot(op0, oz1);

      let op1 = subgroupShuffle(p1, source);
      o1_0 += dot(op1, oz0);
o1_1 += dot(op1, oz1);

      let op2 = subgroupShuffle(p2, source);
      o2_0 += dot(op2, oz0);
o2_1 += dot(op2, oz1);

      let op3 = subgroupShuffle(p3, source);
      o3_0 += dot(op3, oz0);
o3_1 += dot(op3, oz1);
    }
    
  }
  let lTotal0 = subgroupAdd(l0);
let lTotal1 = subgroupAdd(l1);
let lTotal2 = subgroupAdd(l2);
let lTotal3 = subgroupAdd(l3);
  
  if (4u * firstBlock + 0u < u.tokens) {
    
    if (sid + 0u < D) { y[(row0 * u.heads + head) * D + sid + 0u] = y_t(o0_0 / lTotal0); }

    if (sid + 8u < D) { y[(row0 * u.heads + head) * D + sid + 8u] = y_t(o0_1 / lTotal0); }
  }

  if (4u * firstBlock + 1u < u.tokens) {
    
    if (sid + 0u < D) { y[(row1 * u.heads + head) * D + sid + 0u] = y_t(o1_0 / lTotal1); }

    if (sid + 8u < D) { y[(row1 * u.heads + head) * D + sid + 8u] = y_t(o1_1 / lTotal1); }
  }

  if (4u * firstBlock + 2u < u.tokens) {
    
    if (sid + 0u < D) { y[(row2 * u.heads + head) * D + sid + 0u] = y_t(o2_0 / lTotal2); }

    if (sid + 8u < D) { y[(row2 * u.heads + head) * D + sid + 8u] = y_t(o2_1 / lTotal2); }
  }

  if (4u * firstBlock + 3u < u.tokens) {
    
    if (sid + 0u < D) { y[(row3 * u.heads + head) * D + sid + 0u] = y_t(o3_0 / lTotal3); }

    if (sid + 8u < D) { y[(row3 * u.heads + head) * D + sid + 8u] = y_t(o3_1 / lTotal3); }
  }
  if (lane == 0u) {
    
    if (firstBlock + 0u < blocks) {
      lse[head * blocks + block0] = vec4f(select(0.0, m0 + log(lTotal0), end0 > 0u), select(0.0, m1 + log(lTotal1), end1 > 0u), select(0.0, m2 + log(lTotal2), end2 > 0u), select(0.0, m3 + log(lTotal3), end3 > 0u));
    }
  }
}
