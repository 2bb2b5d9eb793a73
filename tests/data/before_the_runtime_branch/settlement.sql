-- The schema of settlement as releases before the runtime's branch left it, as pg_dump wrote it (ADR 0028),
-- without the digests in the comments of policies, which the migrator writes anew.
CREATE TABLE public.affiliation (
    affiliation_id uuid NOT NULL,
    enterprise_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    kind text NOT NULL,
    origin text DEFAULT ''::text NOT NULL,
    recorded_at timestamp with time zone,
    ended boolean DEFAULT false NOT NULL,
    version integer NOT NULL
);
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.appropriation (
    id uuid NOT NULL,
    serial bigint NOT NULL,
    provider_id uuid NOT NULL,
    state text NOT NULL,
    version integer NOT NULL,
    declaration_version text NOT NULL,
    requested_by uuid,
    requested_at timestamp with time zone NOT NULL,
    decided_by uuid,
    decided_at timestamp with time zone,
    reason text DEFAULT ''::text NOT NULL,
    approved_fen bigint,
    payment_reference text DEFAULT ''::text NOT NULL,
    payment_key text,
    paid_on date,
    paid_fen bigint,
    paid_by uuid,
    paid_at timestamp with time zone,
    state_since timestamp with time zone NOT NULL,
    CONSTRAINT ck_appropriation_approved CHECK (((state <> ALL (ARRAY['approved'::text, 'paid'::text])) OR (approved_fen > 0))),
    CONSTRAINT ck_appropriation_paid_as_approved CHECK (((state <> 'paid'::text) OR ((paid_fen IS NOT NULL) AND (paid_fen = approved_fen)))),
    CONSTRAINT ck_appropriation_paid_once CHECK (((state = 'paid'::text) = (payment_key IS NOT NULL))),
    CONSTRAINT ck_appropriation_state CHECK ((state = ANY (ARRAY['approved'::text, 'paid'::text, 'refused'::text, 'requested'::text, 'withdrawn'::text]))),
    CONSTRAINT ck_appropriation_two_persons CHECK ((paid_by <> decided_by))
);
ALTER TABLE public.appropriation ALTER COLUMN serial ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.appropriation_serial_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.claim (
    id uuid NOT NULL,
    serial bigint NOT NULL,
    provider_id uuid NOT NULL,
    state text NOT NULL,
    version integer NOT NULL,
    declaration_version text DEFAULT ''::text NOT NULL,
    pack_version text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    filed_at timestamp with time zone,
    window_closes_at timestamp with time zone,
    state_since timestamp with time zone NOT NULL,
    submitted_by uuid,
    CONSTRAINT ck_claim_filed CHECK (((state = ANY (ARRAY['draft'::text, 'withdrawn'::text])) OR ((version > 0) AND (filed_at IS NOT NULL) AND (window_closes_at IS NOT NULL)))),
    CONSTRAINT ck_claim_state CHECK ((state = ANY (ARRAY['accepted'::text, 'approved'::text, 'bureau_review'::text, 'draft'::text, 'in_review'::text, 'paid'::text, 'passed'::text, 'refused'::text, 'rejected'::text, 'requested'::text, 'submitted'::text, 'withdrawn'::text]))),
    CONSTRAINT ck_claim_version CHECK ((version >= 0))
);
CREATE TABLE public.claim_item (
    claim_id uuid NOT NULL,
    order_id uuid NOT NULL,
    state text NOT NULL,
    voucher_fen bigint,
    refusal_code text DEFAULT ''::text NOT NULL,
    refusal_article text DEFAULT ''::text NOT NULL,
    refusal_detail text DEFAULT ''::text NOT NULL,
    truth_opinion text DEFAULT ''::text NOT NULL,
    validity_opinion text DEFAULT ''::text NOT NULL,
    first_reviewed_by uuid,
    first_reviewed_at timestamp with time zone,
    bureau_reason text DEFAULT ''::text NOT NULL,
    bureau_reviewed_by uuid,
    bureau_reviewed_at timestamp with time zone,
    ended_reason text DEFAULT ''::text NOT NULL,
    appropriation_id uuid,
    approved_fen bigint,
    approved_reason text DEFAULT ''::text NOT NULL,
    CONSTRAINT ck_claim_item_approved CHECK (((state <> ALL (ARRAY['approved'::text, 'paid'::text])) OR (approved_fen IS NOT NULL))),
    CONSTRAINT ck_claim_item_approved_within_claimed CHECK (((approved_fen >= 0) AND (approved_fen <= voucher_fen))),
    CONSTRAINT ck_claim_item_reduction_explained CHECK (((approved_fen = voucher_fen) OR (approved_reason <> ''::text))),
    CONSTRAINT ck_claim_item_state CHECK ((state = ANY (ARRAY['approved'::text, 'draft'::text, 'endorsed'::text, 'open'::text, 'paid'::text, 'passed'::text, 'refused'::text, 'rejected'::text, 'submitted'::text, 'withdrawn'::text]))),
    CONSTRAINT ck_claim_item_two_persons CHECK ((bureau_reviewed_by <> first_reviewed_by)),
    CONSTRAINT ck_claim_item_voucher_positive CHECK ((voucher_fen > 0))
);
ALTER TABLE public.claim ALTER COLUMN serial ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.claim_serial_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.clock (
    one boolean DEFAULT true NOT NULL,
    offset_us bigint DEFAULT 0 NOT NULL,
    CONSTRAINT ck_clock_clock_one_row CHECK (one)
);
CREATE TABLE public.cursor (
    stream text NOT NULL,
    aggregate_id uuid NOT NULL,
    version integer NOT NULL,
    CONSTRAINT ck_cursor_cursor_version CHECK ((version >= 0))
)
WITH (fillfactor='50');
CREATE TABLE public.dead_letter (
    event_id uuid NOT NULL,
    type text NOT NULL,
    event bytea NOT NULL,
    attempts integer NOT NULL,
    reason text NOT NULL,
    dead_at timestamp with time zone DEFAULT now() NOT NULL,
    proposed_by uuid,
    replayed_at timestamp with time zone
);
CREATE TABLE public.decision (
    id uuid NOT NULL,
    subject_type text NOT NULL,
    subject_id uuid NOT NULL,
    act text NOT NULL,
    account_id uuid,
    role text NOT NULL,
    ground text NOT NULL,
    rule text NOT NULL,
    pack_version text NOT NULL,
    before text DEFAULT ''::text NOT NULL,
    after text DEFAULT ''::text NOT NULL,
    facts jsonb NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE public.ended_session (
    session_id uuid NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    noted_in bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL
);
CREATE TABLE public.evidence (
    id uuid NOT NULL,
    claim_id uuid NOT NULL,
    order_id uuid NOT NULL,
    kind text NOT NULL,
    reference text NOT NULL,
    amount_fen bigint,
    dated_on date,
    sha256 bytea NOT NULL,
    media_type text NOT NULL,
    size_bytes integer NOT NULL,
    pages integer NOT NULL,
    legible boolean NOT NULL,
    blob_key text NOT NULL,
    filed_by uuid,
    filed_at timestamp with time zone NOT NULL,
    reference_folded text DEFAULT ''::text NOT NULL,
    CONSTRAINT ck_evidence_amount_positive CHECK ((amount_fen > 0))
);
CREATE TABLE public.evidence_key (
    scheme text NOT NULL,
    value text NOT NULL,
    order_id uuid NOT NULL,
    kind text NOT NULL
);
CREATE TABLE public.evidence_read (
    id uuid NOT NULL,
    what text NOT NULL,
    claim_id uuid,
    order_id uuid,
    kind text DEFAULT ''::text NOT NULL,
    account_id uuid NOT NULL,
    organisation_id uuid,
    role text NOT NULL,
    read_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_evidence_read_what CHECK ((what = ANY (ARRAY['claim'::text, 'document'::text, 'export'::text])))
);
CREATE TABLE public.fact (
    event_id uuid NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id uuid NOT NULL,
    version integer NOT NULL,
    body bytea NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
)
PARTITION BY RANGE (recorded_at);
CREATE TABLE public.fact_default (
    event_id uuid NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id uuid NOT NULL,
    version integer NOT NULL,
    body bytea NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE TABLE public.idempotency (
    scope text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status smallint NOT NULL,
    body bytea,
    resource text DEFAULT ''::text NOT NULL,
    stored_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.inbox (
    event_id uuid NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.lease (
    name text NOT NULL,
    owner text NOT NULL,
    epoch bigint NOT NULL,
    until timestamp with time zone NOT NULL
);
CREATE TABLE public.loose_file (
    blob_key text NOT NULL,
    remove_after timestamp with time zone NOT NULL
);
CREATE TABLE public.notice (
    id uuid NOT NULL,
    recipient text NOT NULL,
    subject_type text NOT NULL,
    subject_id uuid NOT NULL,
    event text NOT NULL,
    text text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    article text DEFAULT ''::text NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE public.order_copy (
    order_id uuid NOT NULL,
    number text NOT NULL,
    enterprise_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    year integer NOT NULL,
    state text NOT NULL,
    refund_open boolean DEFAULT false NOT NULL,
    claim_id uuid,
    lines jsonb NOT NULL,
    fee_fen bigint NOT NULL,
    voucher_fen bigint NOT NULL,
    placed_at timestamp with time zone NOT NULL,
    confirmed_at timestamp with time zone,
    version integer NOT NULL,
    CONSTRAINT ck_order_copy_voucher_within_fee CHECK (((voucher_fen >= 0) AND (voucher_fen <= fee_fen)))
);
CREATE TABLE public.outbox (
    id bigint NOT NULL,
    partition smallint NOT NULL,
    routing_key text NOT NULL,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000', toast_tuple_target='8000');
ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.override (
    id uuid NOT NULL,
    claim_id uuid NOT NULL,
    order_id uuid NOT NULL,
    amount_fen bigint NOT NULL,
    marks jsonb NOT NULL,
    state text NOT NULL,
    version integer NOT NULL,
    reason text NOT NULL,
    proposed_by uuid NOT NULL,
    proposed_at timestamp with time zone NOT NULL,
    decided_by uuid,
    decision_reason text DEFAULT ''::text NOT NULL,
    decided_at timestamp with time zone,
    expires_at timestamp with time zone,
    CONSTRAINT ck_override_amount_positive CHECK ((amount_fen > 0)),
    CONSTRAINT ck_override_decided CHECK (((state = 'proposed'::text) = (decided_at IS NULL))),
    CONSTRAINT ck_override_expires CHECK (((state = 'approved'::text) = (expires_at IS NOT NULL))),
    CONSTRAINT ck_override_explained CHECK ((reason <> ''::text)),
    CONSTRAINT ck_override_state CHECK ((state = ANY (ARRAY['approved'::text, 'lapsed'::text, 'proposed'::text, 'refused'::text, 'withdrawn'::text]))),
    CONSTRAINT ck_override_two_persons CHECK (((state <> 'approved'::text) OR ((decided_by <> proposed_by) AND (decision_reason <> ''::text))))
);
CREATE TABLE public.parked (
    stream text NOT NULL,
    aggregate_id uuid NOT NULL,
    version integer NOT NULL,
    event bytea NOT NULL,
    parked_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.party (
    organisation_id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    credit_code text NOT NULL,
    recognised boolean NOT NULL,
    suspended_since timestamp with time zone,
    closed boolean NOT NULL,
    version integer NOT NULL,
    blacklisted boolean DEFAULT false NOT NULL
);
CREATE TABLE public.question (
    id uuid NOT NULL,
    claim_id uuid NOT NULL,
    text text NOT NULL,
    asked_by uuid NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    answer text DEFAULT ''::text NOT NULL,
    answered_by uuid,
    answered_at timestamp with time zone,
    late boolean DEFAULT false NOT NULL,
    escalated_at timestamp with time zone,
    CONSTRAINT ck_question_answered CHECK (((answered_at IS NULL) = (answer = ''::text)))
);
CREATE TABLE public.relay_partition (
    partition smallint NOT NULL,
    owner text NOT NULL,
    epoch bigint NOT NULL,
    until timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.relay_partition_partition_seq
    AS smallint
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.relay_partition_partition_seq OWNED BY public.relay_partition.partition;
CREATE TABLE public.retry (
    event_id uuid NOT NULL,
    event bytea NOT NULL,
    attempts integer NOT NULL,
    reason text NOT NULL,
    due_at timestamp with time zone NOT NULL
);
CREATE TABLE public.revocation (
    account_id uuid NOT NULL,
    tokens_before timestamp with time zone NOT NULL,
    noted_in bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL
);
CREATE TABLE public.signing_key (
    kid text NOT NULL,
    public_key bytea NOT NULL,
    retired_at timestamp with time zone,
    noted_in bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL
);
CREATE TABLE public.timer (
    kind text NOT NULL,
    key uuid NOT NULL,
    due_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.fact ATTACH PARTITION public.fact_default DEFAULT;
ALTER TABLE ONLY public.relay_partition ALTER COLUMN partition SET DEFAULT nextval('public.relay_partition_partition_seq'::regclass);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.fact
    ADD CONSTRAINT pk_fact PRIMARY KEY (event_id, recorded_at);
ALTER TABLE ONLY public.fact_default
    ADD CONSTRAINT fact_default_pkey PRIMARY KEY (event_id, recorded_at);
ALTER TABLE ONLY public.affiliation
    ADD CONSTRAINT pk_affiliation PRIMARY KEY (affiliation_id);
ALTER TABLE ONLY public.appropriation
    ADD CONSTRAINT pk_appropriation PRIMARY KEY (id);
ALTER TABLE ONLY public.claim
    ADD CONSTRAINT pk_claim PRIMARY KEY (id);
ALTER TABLE ONLY public.claim_item
    ADD CONSTRAINT pk_claim_item PRIMARY KEY (claim_id, order_id);
ALTER TABLE ONLY public.clock
    ADD CONSTRAINT pk_clock PRIMARY KEY (one);
ALTER TABLE ONLY public.cursor
    ADD CONSTRAINT pk_cursor PRIMARY KEY (stream, aggregate_id);
ALTER TABLE ONLY public.dead_letter
    ADD CONSTRAINT pk_dead_letter PRIMARY KEY (event_id);
ALTER TABLE ONLY public.decision
    ADD CONSTRAINT pk_decision PRIMARY KEY (id);
ALTER TABLE ONLY public.ended_session
    ADD CONSTRAINT pk_ended_session PRIMARY KEY (session_id);
ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT pk_evidence PRIMARY KEY (id);
ALTER TABLE ONLY public.evidence_key
    ADD CONSTRAINT pk_evidence_key PRIMARY KEY (scheme, value);
ALTER TABLE ONLY public.evidence_read
    ADD CONSTRAINT pk_evidence_read PRIMARY KEY (id);
ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT pk_idempotency PRIMARY KEY (scope, key);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT pk_inbox PRIMARY KEY (event_id);
ALTER TABLE ONLY public.lease
    ADD CONSTRAINT pk_lease PRIMARY KEY (name);
ALTER TABLE ONLY public.loose_file
    ADD CONSTRAINT pk_loose_file PRIMARY KEY (blob_key);
ALTER TABLE ONLY public.notice
    ADD CONSTRAINT pk_notice PRIMARY KEY (id);
ALTER TABLE ONLY public.order_copy
    ADD CONSTRAINT pk_order_copy PRIMARY KEY (order_id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);
ALTER TABLE ONLY public.override
    ADD CONSTRAINT pk_override PRIMARY KEY (id);
ALTER TABLE ONLY public.parked
    ADD CONSTRAINT pk_parked PRIMARY KEY (stream, aggregate_id, version);
ALTER TABLE ONLY public.party
    ADD CONSTRAINT pk_party PRIMARY KEY (organisation_id);
ALTER TABLE ONLY public.question
    ADD CONSTRAINT pk_question PRIMARY KEY (id);
ALTER TABLE ONLY public.relay_partition
    ADD CONSTRAINT pk_relay_partition PRIMARY KEY (partition);
ALTER TABLE ONLY public.retry
    ADD CONSTRAINT pk_retry PRIMARY KEY (event_id);
ALTER TABLE ONLY public.revocation
    ADD CONSTRAINT pk_revocation PRIMARY KEY (account_id);
ALTER TABLE ONLY public.signing_key
    ADD CONSTRAINT pk_signing_key PRIMARY KEY (kid);
ALTER TABLE ONLY public.timer
    ADD CONSTRAINT pk_timer PRIMARY KEY (kind, key);
ALTER TABLE ONLY public.appropriation
    ADD CONSTRAINT uq_appropriation_payment_key UNIQUE (payment_key);
ALTER TABLE ONLY public.appropriation
    ADD CONSTRAINT uq_appropriation_serial UNIQUE (serial);
ALTER TABLE ONLY public.claim
    ADD CONSTRAINT uq_claim_serial UNIQUE (serial);
ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT uq_evidence_blob_key UNIQUE (blob_key);
ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT uq_evidence_claim_id_order_id_kind UNIQUE (claim_id, order_id, kind);
CREATE INDEX affiliation_pair ON public.affiliation USING btree (enterprise_id, provider_id) WHERE (NOT ended);
CREATE INDEX appropriation_provider_id_id ON public.appropriation USING btree (provider_id, id);
CREATE INDEX appropriation_state_id ON public.appropriation USING btree (state, id);
CREATE INDEX claim_item_appropriation_id ON public.claim_item USING btree (appropriation_id);
CREATE UNIQUE INDEX claim_item_live_order ON public.claim_item USING btree (order_id) WHERE (state = ANY (ARRAY['approved'::text, 'endorsed'::text, 'open'::text, 'paid'::text, 'passed'::text, 'submitted'::text]));
CREATE INDEX claim_provider_id_id ON public.claim USING btree (provider_id, id);
CREATE INDEX claim_state_id ON public.claim USING btree (state, id);
CREATE INDEX decision_subject ON public.decision USING btree (subject_id, id);
CREATE INDEX ended_session_ended_at ON public.ended_session USING btree (ended_at);
CREATE INDEX ended_session_noted_in ON public.ended_session USING btree (noted_in);
CREATE INDEX evidence_read_account_id_id ON public.evidence_read USING btree (account_id, id);
CREATE INDEX evidence_read_claim_id_id ON public.evidence_read USING btree (claim_id, id);
CREATE INDEX fact_aggregate ON ONLY public.fact USING btree (aggregate_id, version);
CREATE INDEX fact_default_aggregate_id_version_idx ON public.fact_default USING btree (aggregate_id, version);
CREATE INDEX inbox_received_at ON public.inbox USING brin (received_at);
CREATE INDEX loose_file_remove_after ON public.loose_file USING btree (remove_after);
CREATE INDEX notice_recipient_id ON public.notice USING btree (recipient, id);
CREATE INDEX order_copy_provider_id_order_id ON public.order_copy USING btree (provider_id, order_id);
CREATE INDEX outbox_partition_id ON public.outbox USING btree (partition, id);
CREATE INDEX override_item ON public.override USING btree (claim_id, order_id);
CREATE UNIQUE INDEX override_open ON public.override USING btree (claim_id, order_id) WHERE (state = 'proposed'::text);
CREATE INDEX question_claim_id ON public.question USING btree (claim_id);
CREATE INDEX question_open ON public.question USING btree (id) WHERE (answered_at IS NULL);
CREATE INDEX revocation_noted_in ON public.revocation USING btree (noted_in);
CREATE INDEX signing_key_noted_in ON public.signing_key USING btree (noted_in);
CREATE INDEX timer_due_at ON public.timer USING btree (due_at);
ALTER INDEX public.fact_aggregate ATTACH PARTITION public.fact_default_aggregate_id_version_idx;
ALTER INDEX public.pk_fact ATTACH PARTITION public.fact_default_pkey;
ALTER TABLE ONLY public.claim_item
    ADD CONSTRAINT fk_claim_item_appropriation_id FOREIGN KEY (appropriation_id) REFERENCES public.appropriation(id);
ALTER TABLE ONLY public.claim_item
    ADD CONSTRAINT fk_claim_item_claim_id FOREIGN KEY (claim_id) REFERENCES public.claim(id);
ALTER TABLE ONLY public.claim_item
    ADD CONSTRAINT fk_claim_item_order_id FOREIGN KEY (order_id) REFERENCES public.order_copy(order_id);
ALTER TABLE ONLY public.override
    ADD CONSTRAINT fk_override_claim_id_order_id FOREIGN KEY (claim_id, order_id) REFERENCES public.claim_item(claim_id, order_id);
ALTER TABLE ONLY public.question
    ADD CONSTRAINT fk_question_claim_id FOREIGN KEY (claim_id) REFERENCES public.claim(id);
ALTER TABLE public.affiliation ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.appropriation ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.claim ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.claim_item ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.decision ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON public.affiliation USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.appropriation USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.claim USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.claim_item USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.decision USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.evidence USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.fact USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.notice USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.order_copy USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.override USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.party USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.question USING (true) WITH CHECK (true);
ALTER TABLE public.evidence ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.fact ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.notice ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.order_copy ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.override ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.party ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.question ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON public.affiliation AS RESTRICTIVE FOR SELECT TO settlement_tenant USING (((enterprise_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")) OR (provider_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif"))));
CREATE POLICY tenant ON public.appropriation AS RESTRICTIVE FOR SELECT TO settlement_tenant USING ((provider_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")));
CREATE POLICY tenant ON public.claim AS RESTRICTIVE FOR SELECT TO settlement_tenant USING ((provider_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")));
CREATE POLICY tenant ON public.claim_item AS RESTRICTIVE FOR SELECT TO settlement_tenant USING ((EXISTS ( SELECT
   FROM public.claim above
  WHERE (above.id = claim_item.claim_id))));
CREATE POLICY tenant ON public.decision AS RESTRICTIVE FOR SELECT TO settlement_tenant USING (((EXISTS ( SELECT
   FROM public.claim above
  WHERE (above.id = decision.subject_id))) OR (EXISTS ( SELECT
   FROM public.appropriation above
  WHERE (above.id = decision.subject_id)))));
CREATE POLICY tenant ON public.evidence AS RESTRICTIVE FOR SELECT TO settlement_tenant USING ((EXISTS ( SELECT
   FROM public.claim above
  WHERE (above.id = evidence.claim_id))));
CREATE POLICY tenant ON public.fact AS RESTRICTIVE FOR SELECT TO settlement_tenant USING (((EXISTS ( SELECT
   FROM public.claim above
  WHERE (above.id = fact.aggregate_id))) OR (EXISTS ( SELECT
   FROM public.appropriation above
  WHERE (above.id = fact.aggregate_id)))));
CREATE POLICY tenant ON public.notice AS RESTRICTIVE FOR SELECT TO settlement_tenant USING (((recipient = ('org:'::text || ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif"))) OR (recipient = ANY (ARRAY['role:enterprise'::text, 'role:provider'::text]))));
CREATE POLICY tenant ON public.order_copy AS RESTRICTIVE FOR SELECT TO settlement_tenant USING (((enterprise_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")) OR (provider_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif"))));
CREATE POLICY tenant ON public.override AS RESTRICTIVE FOR SELECT TO settlement_tenant USING ((EXISTS ( SELECT
   FROM public.claim above
  WHERE (above.id = override.claim_id))));
CREATE POLICY tenant ON public.party AS RESTRICTIVE FOR SELECT TO settlement_tenant USING (((organisation_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")) OR (EXISTS ( SELECT
   FROM public.order_copy above
  WHERE (above.enterprise_id = party.organisation_id))) OR (EXISTS ( SELECT
   FROM public.order_copy above
  WHERE (above.provider_id = party.organisation_id)))));
CREATE POLICY tenant ON public.question AS RESTRICTIVE FOR SELECT TO settlement_tenant USING ((EXISTS ( SELECT
   FROM public.claim above
  WHERE (above.id = question.claim_id))));
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO settlement;
GRANT USAGE ON SCHEMA public TO settlement_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.affiliation TO settlement;
GRANT SELECT ON TABLE public.affiliation TO settlement_tenant;
GRANT SELECT ON TABLE public.alembic_version TO settlement;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.appropriation TO settlement;
GRANT SELECT ON TABLE public.appropriation TO settlement_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.claim TO settlement;
GRANT SELECT ON TABLE public.claim TO settlement_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.claim_item TO settlement;
GRANT SELECT ON TABLE public.claim_item TO settlement_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.clock TO settlement;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.cursor TO settlement;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.dead_letter TO settlement;
GRANT SELECT,INSERT ON TABLE public.decision TO settlement;
GRANT SELECT ON TABLE public.decision TO settlement_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ended_session TO settlement;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.evidence TO settlement;
GRANT SELECT ON TABLE public.evidence TO settlement_tenant;
GRANT SELECT,INSERT ON TABLE public.evidence_key TO settlement;
GRANT SELECT,INSERT ON TABLE public.evidence_read TO settlement;
GRANT SELECT,INSERT ON TABLE public.fact TO settlement;
GRANT SELECT ON TABLE public.fact TO settlement_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency TO settlement;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.inbox TO settlement;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lease TO settlement;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.loose_file TO settlement;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notice TO settlement;
GRANT SELECT ON TABLE public.notice TO settlement_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.order_copy TO settlement;
GRANT SELECT ON TABLE public.order_copy TO settlement_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox TO settlement;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.override TO settlement;
GRANT SELECT ON TABLE public.override TO settlement_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.parked TO settlement;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.party TO settlement;
GRANT SELECT ON TABLE public.party TO settlement_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.question TO settlement;
GRANT SELECT ON TABLE public.question TO settlement_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.relay_partition TO settlement;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.retry TO settlement;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.revocation TO settlement;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.signing_key TO settlement;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.timer TO settlement;
INSERT INTO public.alembic_version VALUES ('0006');
