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

var<workgroup> tile: array<vec4f, 512>;
@compute @workgroup_size(128, 1, 1)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32, @builtin(subgroup_invocation_id) sid: u32) {

  
  let blocks = (u.tokens + 3u) / 4u;
  let groupBlock = wid.x * 8u;
  let firstBlock = groupBlock + lane / 16u * 1u;
  let low = segments[2u * min(4u * groupBlock, u.tokens - 1u)];
  let high = segments[2u * (min(4u * groupBlock + 32u, u.tokens) - 1u) + 1u];
  let block0 = min(firstBlock + 0u, blocks - 1u);
  let row0 = min(4u * firstBlock + 0u, u.tokens - 1u);
let row1 = min(4u * firstBlock + 1u, u.tokens - 1u);
let row2 = min(4u * firstBlock + 2u, u.tokens - 1u);
let row3 = min(4u * firstBlock + 3u, u.tokens - 1u);
  
  let start0 = segments[2u * row0];
  let end0 = select(0u, segments[2u * row0 + 1u], 4u * firstBlock + 0u < u.tokens);

  let start1 = segments[2u * row1];
  let end1 = select(0u, segments[2u * row1 + 1u], 4u * firstBlock + 1u < u.tokens);

  let start2 = segments[2u * row2];
  let end2 = select(0u, segments[2u * row2 + 1u], 4u * firstBlock + 2u < u.tokens);

  let start3 = segments[2u * row3];
  let end3 = select(0u, segments[2u * row3 + 1u], 4u * firstBlock + 3u < u.tokens);
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
  
  for (var base = low / 4u; 4u * base < high; base += 16u) {
    let mine = min(base + (lane % 16u), blocks - 1u);
    let tokens = vec4u(4u * (base + (lane % 16u))) + vec4u(0u, 1u, 2u, 3u);
    let valid0 = (tokens >= vec4u(start0)) & (tokens < vec4u(end0));
let valid1 = (tokens >= vec4u(start1)) & (tokens < vec4u(end1));
let valid2 = (tokens >= vec4u(start2)) & (tokens < vec4u(end2));
let valid3 = (tokens >= vec4u(start3)) & (tokens < vec4u(end3));
    
    
    var s0 = vec4f();
var s1 = vec4f();
var s2 = vec4f();
var s3 = vec4f();
    for (var d0 = 0u; d0 < 32u; d0 += 16u) {
      tile[lane % 16u * 9u + lane / 16u] = vec4f(packed[(qHead + min(groupBlock + lane / 16u, blocks - 1u)) * 32u + d0 + lane % 16u]);
      tile[144u + lane % 16u * 17u + lane / 16u] = vec4f(packed[((keyHead) * blocks + min(base + lane / 16u, blocks - 1u)) * 32u + d0 + lane % 16u]);
tile[144u + (lane + 128u) % 16u * 17u + (lane + 128u) / 16u] = vec4f(packed[((keyHead) * blocks + min(base + (lane + 128u) / 16u, blocks - 1u)) * 32u + d0 + (lane + 128u) % 16u]);
      workgroupBarrier();
      for (var d = 0u; d < 16u; d++) {
        let x0 = tile[d * 9u + lane / 16u * 1u + 0u];
        let y = tile[144u + d * 17u + (lane % 16u)];
        s0 = fma(vec4f(x0[0]), y, s0);
s1 = fma(vec4f(x0[1]), y, s1);
s2 = fma(vec4f(x0[2]), y, s2);
s3 = fma(vec4f(x0[3]), y, s3);
      }
      workgroupBarrier();
    }
    
    s0 = select(vec4f(-3e38), s0, valid0);
    let top0 = max(max(s0.x, s0.y), max(s0.z, s0.w));

    s1 = select(vec4f(-3e38), s1, valid1);
    let top1 = max(max(s1.x, s1.y), max(s1.z, s1.w));

    s2 = select(vec4f(-3e38), s2, valid2);
    let top2 = max(max(s2.x, s2.y), max(s2.z, s2.w));

    s3 = select(vec4f(-3e38), s3, valid3);
    let top3 = max(max(s3.x, s3.y), max(s3.z, s3.w));
    
    var topLargest0 = top0;
    topLargest0 = max(topLargest0, subgroupShuffleXor(topLargest0, 1u)); topLargest0 = max(topLargest0, subgroupShuffleXor(topLargest0, 2u)); topLargest0 = max(topLargest0, subgroupShuffleXor(topLargest0, 4u)); topLargest0 = max(topLargest0, subgroupShuffleXor(topLargest0, 8u));

    var topLargest1 = top1;
    topLargest1 = max(topLargest1, subgroupShuffleXor(topLargest1, 1u)); topLargest1 = max(topLargest1, subgroupShuffleXor(topLargest1, 2u)); topLargest1 = max(topLargest1, subgroupShuffleXor(topLargest1, 4u)); topLargest1 = max(topLargest1, subgroupShuffleXor(topLargest1, 8u));

    var topLargest2 = top2;
    topLargest2 = max(topLargest2, subgroupShuffleXor(topLargest2, 1u)); topLargest2 = max(topLargest2, subgroupShuffleXor(topLargest2, 2u)); topLargest2 = max(topLargest2, subgroupShuffleXor(topLargest2, 4u)); topLargest2 = max(topLargest2, subgroupShuffleXor(topLargest2, 8u));

    var topLargest3 = top3;
    topLargest3 = max(topLargest3, subgroupShuffleXor(topLargest3, 1u)); topLargest3 = max(topLargest3, subgroupShuffleXor(topLargest3, 2u)); topLargest3 = max(topLargest3, subgroupShuffleXor(topLargest3, 4u)); topLargest3 = max(topLargest3, subgroupShuffleXor(topLargest3, 8u));
    
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
    
    let walked = min(16u, (high - 4u * base + 3u) / 4u);
    
    tile[(lane / 16u * 4u + 0u) * 16u + (lane % 16u)] = p0;
tile[(lane / 16u * 4u + 1u) * 16u + (lane % 16u)] = p1;
tile[(lane / 16u * 4u + 2u) * 16u + (lane % 16u)] = p2;
tile[(lane / 16u * 4u + 3u) * 16u + (lane % 16u)] = p3;
    workgroupBarrier();
    for (var source = 0u; source < walked; source++) {
      let at = ((valueHead) * blocks + base + source) * 32u;
      let z0 = vec4f(packed[at + (lane % 16u) + 0u]);
let z1 = vec4f(packed[at + (lane % 16u) + 16u]);
      
      let p0 = tile[(lane / 16u * 4u + 0u) * 16u + source];
      o0_0 = fma(p0.w, z0.w, fma(p0.z, z0.z, fma(p0.y, z0.y, fma(p0.x, z0.x, o0_0))));
o0_1 = fma(p0.w, z1.w, fma(p0.z, z1.z, fma(p0.y, z1.y, fma(p0.x, z1.x, o0_1))));

      let p1 = tile[(lane / 16u * 4u + 1u) * 16u + source];
      o1_0 = fma(p1.w, z0.w, fma(p1.z, z0.z, fma(p1.y, z0.y, fma(p1.x, z0.x, o1_0))));
o1_1 = fma(p1.w, z1.w, fma(p1.z, z1.z, fma(p1.y, z1.y, fma(p1.x, z1.x, o1_1))));

      let p2 = tile[(lane / 16u * 4u + 2u) * 16u + source];
      o2_0 = fma(p2.w, z0.w, fma(p2.z, z0.z, fma(p2.y, z0.y, fma(p2.x, z0.x, o2_0))));
o2_1 = fma(p2.w, z1.w, fma(p2.z, z1.z, fma(p2.y, z1.y, fma(p2.x, z1.x, o2_1))));

      let p3 = tile[(lane / 16u * 4u + 3u) * 16u + source];
      o3_0 = fma(p3.w, z0.w, fma(p3.z, z0.z, fma(p3.y, z0.y, fma(p3.x, z0.x, o3_0))));
o3_1 = fma(p3.w, z1.w, fma(p3.z, z1.z, fma(p3.y, z1.y, fma(p3.x, z1.x, o3_1))));
    }
    workgroupBarrier();
  }
  
    var lTotal0 = l0;
    lTotal0 = lTotal0 + subgroupShuffleXor(lTotal0, 1u); lTotal0 = lTotal0 + subgroupShuffleXor(lTotal0, 2u); lTotal0 = lTotal0 + subgroupShuffleXor(lTotal0, 4u); lTotal0 = lTotal0 + subgroupShuffleXor(lTotal0, 8u);

    var lTotal1 = l1;
    lTotal1 = lTotal1 + subgroupShuffleXor(lTotal1, 1u); lTotal1 = lTotal1 + subgroupShuffleXor(lTotal1, 2u); lTotal1 = lTotal1 + subgroupShuffleXor(lTotal1, 4u); lTotal1 = lTotal1 + subgroupShuffleXor(lTotal1, 8u);

    var lTotal2 = l2;
    lTotal2 = lTotal2 + subgroupShuffleXor(lTotal2, 1u); lTotal2 = lTotal2 + subgroupShuffleXor(lTotal2, 2u); lTotal2 = lTotal2 + subgroupShuffleXor(lTotal2, 4u); lTotal2 = lTotal2 + subgroupShuffleXor(lTotal2, 8u);

    var lTotal3 = l3;
    lTotal3 = lTotal3 + subgroupShuffleXor(lTotal3, 1u); lTotal3 = lTotal3 + subgroupShuffleXor(lTotal3, 2u); lTotal3 = lTotal3 + subgroupShuffleXor(lTotal3, 4u); lTotal3 = lTotal3 + subgroupShuffleXor(lTotal3, 8u);
  
  if (4u * firstBlock + 0u < u.tokens) {
    
    if ((lane % 16u) + 0u < 32u) { y[(row0 * u.heads + head) * 32u + (lane % 16u) + 0u] = y_t(o0_0 / lTotal0); }

    if ((lane % 16u) + 16u < 32u) { y[(row0 * u.heads + head) * 32u + (lane % 16u) + 16u] = y_t(o0_1 / lTotal0); }
  }

  if (4u * firstBlock + 1u < u.tokens) {
    
    if ((lane % 16u) + 0u < 32u) { y[(row1 * u.heads + head) * 32u + (lane % 16u) + 0u] = y_t(o1_0 / lTotal1); }

    if ((lane % 16u) + 16u < 32u) { y[(row1 * u.heads + head) * 32u + (lane % 16u) + 16u] = y_t(o1_1 / lTotal1); }
  }

  if (4u * firstBlock + 2u < u.tokens) {
    
    if ((lane % 16u) + 0u < 32u) { y[(row2 * u.heads + head) * 32u + (lane % 16u) + 0u] = y_t(o2_0 / lTotal2); }

    if ((lane % 16u) + 16u < 32u) { y[(row2 * u.heads + head) * 32u + (lane % 16u) + 16u] = y_t(o2_1 / lTotal2); }
  }

  if (4u * firstBlock + 3u < u.tokens) {
    
    if ((lane % 16u) + 0u < 32u) { y[(row3 * u.heads + head) * 32u + (lane % 16u) + 0u] = y_t(o3_0 / lTotal3); }

    if ((lane % 16u) + 16u < 32u) { y[(row3 * u.heads + head) * 32u + (lane % 16u) + 16u] = y_t(o3_1 / lTotal3); }
  }
  if ((lane % 16u) == 0u) {
    
    if (firstBlock + 0u < blocks) {
      lse[head * blocks + block0] = vec4f(select(0.0, m0 + log(lTotal0), end0 > 0u), select(0.0, m1 + log(lTotal1), end1 > 0u), select(0.0, m2 + log(lTotal2), end2 > 0u), select(0.0, m3 + log(lTotal3), end3 > 0u));
    }
  }
}
