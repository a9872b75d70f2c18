// include { EMBED_IN_SHARDS } from './shards.nf', or: nextflow run shards.nf --input rnas.fasta --shards 100
params.input = 'rnas.fasta'
params.shards = 100

process PLAN {
    input: path fasta
    output: tuple path(fasta), path("${fasta}.index")
    script: "rna shards plan ${fasta} --shards ${params.shards}"
}

process SHARD {
    cpus 4
    memory '8 GB'
    errorStrategy 'retry'
    maxRetries 2

    input: tuple path(fasta), path(index), val(k)
    output: path 'means.npy.shards/shard-*'
    script: "rna embed ${fasta} --out means.npy --pool mean --shard ${k}/${params.shards}"
}

process MERGE {
    publishDir 'results', mode: 'copy'

    input: path 'means.npy.shards/*'
    output: path 'means.npy'
    script: 'rna shards merge means.npy'
}

workflow EMBED_IN_SHARDS {
    take: fasta
    main: PLAN(fasta).combine(Channel.of(1..params.shards)) | SHARD | collect | MERGE
    emit: MERGE.out
}

workflow {
    EMBED_IN_SHARDS(Channel.fromPath(params.input))
}
