/** RNAs to try the view with: two from ArchiveII and one from Rfam's family Purine. */

export interface Example {
  readonly name: string;
  readonly fasta: string;
}

const TRNA = `>tRNA-Phe Bos taurus, tRNAdb 00000097
GCCGAAAUAGCUCAGUUGGGAGAGCGUUAGACUGAAGAUCUAAAGGUCCCUGGUUCAAUCCCGGGUUUCGGCACCA
`;
const RIBOSOMAL = `>5S_rRNA Brevibacterium helvolum
AUUACGGCGGUCAUAGCGUGGGGGAAACGCCCGGUCCCAUUCCGAACCCGGAAGCUAAGACCCACAGCGCCGAUGGUACU
GCACCCGGGAGGGUGUGGGAGAGUAGGUCACCGCCGGAAA
`;
const RIBOSWITCH = `>purine_riboswitch Bacillus subtilis, X83878.1/168-267
UUACAAUAUAAUAGGAACACUCAUAUAAUCGCGUGGAUAUGGCACGCAAGUUUCUACCGGGCACCGUAAAUGUCCGACUA
UGGGUGAGCAAUGGAACCGC
`;

export const EXAMPLES: readonly Example[] = [
  { name: 'tRNA', fasta: TRNA },
  { name: '5S rRNA', fasta: RIBOSOMAL },
  { name: 'Riboswitch', fasta: RIBOSWITCH },
  { name: 'All', fasta: TRNA + RIBOSOMAL + RIBOSWITCH },
];
