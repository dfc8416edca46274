/** What denial records came to: a proof; a proof as far as Opt-Out lets it be one (RFC 5155 §9.2); too many iterations to say; none. */
export type Proof = 'proved' | 'opt-out' | 'too-many-iterations' | 'unproved'
