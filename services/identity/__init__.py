"""Identity: who the parties are, who works here, and whether an organisation may act now.

Owns organisations and their credit codes, documents, real-name authentication (认证) by the operator and recognition of
providers by the bureau, priority listing, suspension, blacklist, affiliations, the operator's designation, sign-in
accounts, sessions and signing keys.

Messages in: none. Messages out: `identity.organisation`, `identity.affiliation`, `identity.account`, `identity.key`,
`identity.clock` (shared.contracts.messages.identity). Personal values are sealed at rest and never leave in a message.
"""
