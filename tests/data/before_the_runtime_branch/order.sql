-- The schema of order as releases before the runtime's branch left it, as pg_dump wrote it (ADR 0028),
-- without the digests in the comments of policies, which the migrator writes anew.
CREATE TABLE public.affiliation (
    affiliation_id uuid NOT NULL,
    enterprise_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    kind text NOT NULL,
    version integer NOT NULL,
    ended boolean DEFAULT false NOT NULL
);
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.balance (
    enterprise_id uuid NOT NULL,
    year integer NOT NULL,
    version integer NOT NULL,
    available_fen bigint NOT NULL
);
CREATE TABLE public.clock (
    one boolean DEFAULT true NOT NULL,
    offset_us bigint DEFAULT 0 NOT NULL,
    CONSTRAINT ck_clock_clock_one_row CHECK (one)
);
CREATE TABLE public.cloud_order (
    id uuid NOT NULL,
    number text NOT NULL,
    enterprise_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    region text NOT NULL,
    year integer NOT NULL,
    state text NOT NULL,
    version integer NOT NULL,
    fee_fen bigint NOT NULL,
    voucher_fen bigint NOT NULL,
    refunded_fee_fen bigint DEFAULT 0 NOT NULL,
    refunded_voucher_fen bigint DEFAULT 0 NOT NULL,
    refund_state text DEFAULT 'none'::text NOT NULL,
    agreement_version text NOT NULL,
    pack_version text NOT NULL,
    enterprise_version integer NOT NULL,
    provider_version integer NOT NULL,
    placed_by uuid NOT NULL,
    placed_at timestamp with time zone NOT NULL,
    confirm_due_at timestamp with time zone,
    confirmed_at timestamp with time zone,
    ended_at timestamp with time zone,
    reason text DEFAULT ''::text NOT NULL,
    refusal_code text DEFAULT ''::text NOT NULL,
    refusal_article text DEFAULT ''::text NOT NULL,
    refusal_detail text DEFAULT ''::text NOT NULL,
    claim_id uuid,
    paid_fen bigint,
    CONSTRAINT ck_cloud_order_claimed_by_a_claim CHECK (((state = ANY (ARRAY['claimed'::text, 'redeemed'::text])) = (claim_id IS NOT NULL))),
    CONSTRAINT ck_cloud_order_confirmed_at_known CHECK (((confirmed_at IS NOT NULL) OR (state = ANY (ARRAY['placed'::text, 'awaiting_confirmation'::text, 'refused'::text, 'cancelled'::text])))),
    CONSTRAINT ck_cloud_order_paid_within_voucher CHECK (((paid_fen IS NULL) OR ((paid_fen >= 0) AND (paid_fen <= voucher_fen)))),
    CONSTRAINT ck_cloud_order_refund_of_confirmed CHECK (((refund_state = 'none'::text) OR (state = ANY (ARRAY['confirmed'::text, 'refunded'::text])))),
    CONSTRAINT ck_cloud_order_refund_state CHECK ((refund_state = ANY (ARRAY['none'::text, 'requested'::text, 'escalated'::text, 'returning'::text]))),
    CONSTRAINT ck_cloud_order_refunded_within_order CHECK ((((refunded_voucher_fen >= 0) AND (refunded_voucher_fen <= voucher_fen)) AND ((refunded_fee_fen >= 0) AND (refunded_fee_fen <= fee_fen)))),
    CONSTRAINT ck_cloud_order_state CHECK ((state = ANY (ARRAY['placed'::text, 'awaiting_confirmation'::text, 'refused'::text, 'confirmed'::text, 'cancelled'::text, 'refunded'::text, 'claimed'::text, 'redeemed'::text]))),
    CONSTRAINT ck_cloud_order_voucher_within_fee CHECK (((fee_fen > 0) AND ((voucher_fen >= 0) AND (voucher_fen <= fee_fen))))
)
WITH (fillfactor='45');
CREATE TABLE public.contact (
    subject_id uuid NOT NULL,
    sealed bytea NOT NULL,
    given_by uuid,
    given_at timestamp with time zone NOT NULL
);
CREATE TABLE public.contact_read (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    enterprise_id uuid NOT NULL,
    account_id uuid NOT NULL,
    organisation_id uuid,
    role text NOT NULL,
    read_at timestamp with time zone NOT NULL
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
CREATE TABLE public.offer (
    product_id uuid NOT NULL,
    edition integer NOT NULL,
    provider_id uuid NOT NULL,
    version integer NOT NULL,
    product_name text NOT NULL,
    class_code text NOT NULL,
    components jsonb NOT NULL,
    voucher boolean NOT NULL,
    service_standard text NOT NULL,
    effective_at timestamp with time zone NOT NULL,
    delisted_at timestamp with time zone
);
CREATE TABLE public.order_line (
    order_id uuid NOT NULL,
    line integer NOT NULL,
    product_id uuid NOT NULL,
    edition integer NOT NULL,
    offer_version integer NOT NULL,
    product_name text NOT NULL,
    class_code text NOT NULL,
    component text NOT NULL,
    unit text NOT NULL,
    service_standard text NOT NULL,
    quantity integer NOT NULL,
    price_fen bigint NOT NULL,
    fee_fen bigint NOT NULL,
    rate_bp integer NOT NULL,
    voucher_max_fen bigint NOT NULL,
    voucher_fen bigint NOT NULL,
    refund_id uuid,
    CONSTRAINT ck_order_line_fee_is_price CHECK (((quantity > 0) AND (price_fen > 0) AND (fee_fen = (price_fen * quantity)))),
    CONSTRAINT ck_order_line_ratio CHECK (((voucher_max_fen = ((fee_fen * rate_bp) / 10000)) AND ((rate_bp >= 0) AND (rate_bp <= 10000)))),
    CONSTRAINT ck_order_line_voucher_within_max CHECK (((voucher_fen >= 0) AND (voucher_fen <= voucher_max_fen)))
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
CREATE TABLE public.parked (
    stream text NOT NULL,
    aggregate_id uuid NOT NULL,
    version integer NOT NULL,
    event bytea NOT NULL,
    parked_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.party (
    organisation_id uuid NOT NULL,
    version integer NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    region text NOT NULL,
    authenticated boolean NOT NULL,
    recognised boolean NOT NULL,
    closed boolean NOT NULL,
    suspended_since timestamp with time zone,
    credit_code text DEFAULT ''::text NOT NULL,
    size_class text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.record (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    kind text NOT NULL,
    recorded_by uuid,
    organisation_id uuid,
    recorded_at timestamp with time zone NOT NULL,
    dated_on date,
    amount_fen bigint,
    text text DEFAULT ''::text NOT NULL,
    scores jsonb DEFAULT '{}'::jsonb NOT NULL,
    document_sha256 text DEFAULT ''::text NOT NULL,
    answers_id uuid,
    due_at timestamp with time zone,
    answered_at timestamp with time zone,
    voids_id uuid,
    correction_reason text DEFAULT ''::text NOT NULL,
    voided_at timestamp with time zone,
    CONSTRAINT ck_record_amount CHECK (((amount_fen IS NULL) OR (amount_fen > 0))),
    CONSTRAINT ck_record_correction_says_why CHECK (((voids_id IS NULL) = (correction_reason = ''::text))),
    CONSTRAINT ck_record_kind CHECK ((kind = ANY (ARRAY['contract'::text, 'payment'::text, 'delivery'::text, 'acceptance'::text, 'complaint'::text, 'complaint_answer'::text, 'evaluation'::text, 'withdrawal'::text]))),
    CONSTRAINT ck_record_withdrawal_names_what CHECK (((kind <> 'withdrawal'::text) OR (voids_id IS NOT NULL)))
);
CREATE TABLE public.refund (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    lines integer[] NOT NULL,
    reason text NOT NULL,
    state text NOT NULL,
    answer text DEFAULT ''::text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    answered_at timestamp with time zone,
    returned_at timestamp with time zone,
    CONSTRAINT ck_refund_state CHECK ((state = ANY (ARRAY['requested'::text, 'escalated'::text, 'refused'::text, 'returning'::text, 'returned'::text])))
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
CREATE TABLE public.saga (
    id uuid NOT NULL,
    kind text NOT NULL,
    order_id uuid NOT NULL,
    state text NOT NULL,
    number integer NOT NULL,
    pending_name text DEFAULT ''::text NOT NULL,
    pending bytea,
    version integer NOT NULL,
    late integer DEFAULT 0 NOT NULL,
    resent integer DEFAULT 0 NOT NULL,
    last_event text DEFAULT ''::text NOT NULL,
    claim_id uuid,
    paid_fen bigint,
    started_at timestamp with time zone NOT NULL,
    moved_at timestamp with time zone NOT NULL,
    resend_at timestamp with time zone,
    CONSTRAINT ck_saga_claim_named CHECK (((kind = 'claim'::text) = (claim_id IS NOT NULL))),
    CONSTRAINT ck_saga_counts CHECK (((number >= 0) AND (late >= 0))),
    CONSTRAINT ck_saga_kind CHECK ((kind = ANY (ARRAY['purchase'::text, 'refund'::text, 'claim'::text]))),
    CONSTRAINT ck_saga_pending_is_named CHECK (((pending IS NULL) = (pending_name = ''::text))),
    CONSTRAINT ck_saga_purchase_is_the_order CHECK (((kind <> 'purchase'::text) OR (id = order_id))),
    CONSTRAINT ck_saga_state CHECK ((state = ANY (ARRAY['holding'::text, 'held'::text, 'refused'::text, 'committing'::text, 'committed'::text, 'releasing'::text, 'released'::text, 'returning'::text, 'returned'::text, 'waiting_for_commit'::text, 'claiming'::text, 'claiming_ended'::text, 'opening'::text, 'open'::text, 'refusing'::text, 'unclaiming'::text, 'undoing'::text, 'ended'::text, 'redeeming'::text, 'redeemed'::text]))),
    CONSTRAINT ck_saga_under_way_is_looked_at CHECK (((resend_at IS NOT NULL) OR ((pending IS NULL) AND (state <> 'waiting_for_commit'::text))))
)
WITH (fillfactor='60');
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
ALTER TABLE ONLY public.balance
    ADD CONSTRAINT pk_balance PRIMARY KEY (enterprise_id, year);
ALTER TABLE ONLY public.clock
    ADD CONSTRAINT pk_clock PRIMARY KEY (one);
ALTER TABLE ONLY public.cloud_order
    ADD CONSTRAINT pk_cloud_order PRIMARY KEY (id);
ALTER TABLE ONLY public.contact
    ADD CONSTRAINT pk_contact PRIMARY KEY (subject_id);
ALTER TABLE ONLY public.contact_read
    ADD CONSTRAINT pk_contact_read PRIMARY KEY (id);
ALTER TABLE ONLY public.cursor
    ADD CONSTRAINT pk_cursor PRIMARY KEY (stream, aggregate_id);
ALTER TABLE ONLY public.dead_letter
    ADD CONSTRAINT pk_dead_letter PRIMARY KEY (event_id);
ALTER TABLE ONLY public.decision
    ADD CONSTRAINT pk_decision PRIMARY KEY (id);
ALTER TABLE ONLY public.ended_session
    ADD CONSTRAINT pk_ended_session PRIMARY KEY (session_id);
ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT pk_idempotency PRIMARY KEY (scope, key);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT pk_inbox PRIMARY KEY (event_id);
ALTER TABLE ONLY public.lease
    ADD CONSTRAINT pk_lease PRIMARY KEY (name);
ALTER TABLE ONLY public.notice
    ADD CONSTRAINT pk_notice PRIMARY KEY (id);
ALTER TABLE ONLY public.offer
    ADD CONSTRAINT pk_offer PRIMARY KEY (product_id, edition);
ALTER TABLE ONLY public.order_line
    ADD CONSTRAINT pk_order_line PRIMARY KEY (order_id, line);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);
ALTER TABLE ONLY public.parked
    ADD CONSTRAINT pk_parked PRIMARY KEY (stream, aggregate_id, version);
ALTER TABLE ONLY public.party
    ADD CONSTRAINT pk_party PRIMARY KEY (organisation_id);
ALTER TABLE ONLY public.record
    ADD CONSTRAINT pk_record PRIMARY KEY (id);
ALTER TABLE ONLY public.refund
    ADD CONSTRAINT pk_refund PRIMARY KEY (id);
ALTER TABLE ONLY public.relay_partition
    ADD CONSTRAINT pk_relay_partition PRIMARY KEY (partition);
ALTER TABLE ONLY public.retry
    ADD CONSTRAINT pk_retry PRIMARY KEY (event_id);
ALTER TABLE ONLY public.revocation
    ADD CONSTRAINT pk_revocation PRIMARY KEY (account_id);
ALTER TABLE ONLY public.saga
    ADD CONSTRAINT pk_saga PRIMARY KEY (id);
ALTER TABLE ONLY public.signing_key
    ADD CONSTRAINT pk_signing_key PRIMARY KEY (kid);
ALTER TABLE ONLY public.timer
    ADD CONSTRAINT pk_timer PRIMARY KEY (kind, key);
ALTER TABLE ONLY public.cloud_order
    ADD CONSTRAINT uq_cloud_order_number UNIQUE (number);
CREATE INDEX decision_subject ON public.decision USING btree (subject_id, id);
CREATE INDEX ended_session_ended_at ON public.ended_session USING btree (ended_at);
CREATE INDEX ended_session_noted_in ON public.ended_session USING btree (noted_in);
CREATE INDEX fact_aggregate ON ONLY public.fact USING btree (aggregate_id, version);
CREATE INDEX fact_default_aggregate_id_version_idx ON public.fact_default USING btree (aggregate_id, version);
CREATE INDEX inbox_received_at ON public.inbox USING brin (received_at);
CREATE INDEX ix_affiliation_enterprise_id ON public.affiliation USING btree (enterprise_id);
CREATE INDEX ix_cloud_order_enterprise_id_id ON public.cloud_order USING btree (enterprise_id, id);
CREATE INDEX ix_cloud_order_provider_id_id ON public.cloud_order USING btree (provider_id, id);
CREATE INDEX ix_cloud_order_region_id ON public.cloud_order USING btree (region, id);
CREATE INDEX ix_contact_read_account_id_id ON public.contact_read USING btree (account_id, id);
CREATE INDEX ix_contact_read_order_id_id ON public.contact_read USING btree (order_id, id);
CREATE INDEX ix_order_line_product_id ON public.order_line USING btree (product_id);
CREATE INDEX ix_record_order_id_id ON public.record USING btree (order_id, id);
CREATE INDEX ix_refund_order_id_id ON public.refund USING btree (order_id, id);
CREATE INDEX ix_saga_resend_at ON public.saga USING btree (resend_at) WHERE (resend_at IS NOT NULL);
CREATE INDEX notice_recipient_id ON public.notice USING btree (recipient, id);
CREATE UNIQUE INDEX one_answer ON public.record USING btree (answers_id) WHERE ((answers_id IS NOT NULL) AND (voided_at IS NULL));
CREATE UNIQUE INDEX one_claim_saga ON public.saga USING btree (claim_id, order_id) WHERE (claim_id IS NOT NULL);
CREATE UNIQUE INDEX one_correction ON public.record USING btree (voids_id) WHERE (voids_id IS NOT NULL);
CREATE UNIQUE INDEX one_open_refund ON public.refund USING btree (order_id) WHERE (state = ANY (ARRAY['requested'::text, 'escalated'::text]));
CREATE INDEX open_complaints ON public.record USING btree (due_at) WHERE ((kind = 'complaint'::text) AND (answered_at IS NULL) AND (voided_at IS NULL));
CREATE INDEX outbox_partition_id ON public.outbox USING btree (partition, id);
CREATE UNIQUE INDEX record_once ON public.record USING btree (order_id, kind) WHERE ((kind = ANY (ARRAY['contract'::text, 'acceptance'::text, 'evaluation'::text])) AND (voided_at IS NULL));
CREATE INDEX revocation_noted_in ON public.revocation USING btree (noted_in);
CREATE INDEX saga_of_order ON public.saga USING btree (order_id) WHERE (kind <> 'purchase'::text);
CREATE INDEX signing_key_noted_in ON public.signing_key USING btree (noted_in);
CREATE INDEX timer_due_at ON public.timer USING btree (due_at);
ALTER INDEX public.fact_aggregate ATTACH PARTITION public.fact_default_aggregate_id_version_idx;
ALTER INDEX public.pk_fact ATTACH PARTITION public.fact_default_pkey;
ALTER TABLE ONLY public.order_line
    ADD CONSTRAINT fk_order_line_order_id FOREIGN KEY (order_id) REFERENCES public.cloud_order(id);
ALTER TABLE ONLY public.record
    ADD CONSTRAINT fk_record_order_id FOREIGN KEY (order_id) REFERENCES public.cloud_order(id);
ALTER TABLE ONLY public.refund
    ADD CONSTRAINT fk_refund_order_id FOREIGN KEY (order_id) REFERENCES public.cloud_order(id);
ALTER TABLE public.cloud_order ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.contact ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.decision ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON public.cloud_order USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.contact USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.decision USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.fact USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.notice USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.order_line USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.party USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.record USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.refund USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.saga USING (true) WITH CHECK (true);
ALTER TABLE public.fact ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.notice ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.order_line ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.party ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.record ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.refund ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.saga ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON public.cloud_order AS RESTRICTIVE FOR SELECT TO order_tenant USING (((enterprise_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")) OR (provider_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif"))));
CREATE POLICY tenant ON public.contact AS RESTRICTIVE FOR SELECT TO order_tenant USING (((subject_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")) OR (EXISTS ( SELECT
   FROM public.cloud_order above
  WHERE (above.id = contact.subject_id))) OR (EXISTS ( SELECT
   FROM public.cloud_order above
  WHERE (above.enterprise_id = contact.subject_id)))));
CREATE POLICY tenant ON public.decision AS RESTRICTIVE FOR SELECT TO order_tenant USING ((EXISTS ( SELECT
   FROM public.cloud_order above
  WHERE (above.id = decision.subject_id))));
CREATE POLICY tenant ON public.fact AS RESTRICTIVE FOR SELECT TO order_tenant USING ((EXISTS ( SELECT
   FROM public.cloud_order above
  WHERE (above.id = fact.aggregate_id))));
CREATE POLICY tenant ON public.notice AS RESTRICTIVE FOR SELECT TO order_tenant USING (((recipient = ('org:'::text || ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif"))) OR (recipient = ANY (ARRAY['role:enterprise'::text, 'role:provider'::text]))));
CREATE POLICY tenant ON public.order_line AS RESTRICTIVE FOR SELECT TO order_tenant USING ((EXISTS ( SELECT
   FROM public.cloud_order above
  WHERE (above.id = order_line.order_id))));
CREATE POLICY tenant ON public.party AS RESTRICTIVE FOR SELECT TO order_tenant USING (((organisation_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")) OR (EXISTS ( SELECT
   FROM public.cloud_order above
  WHERE (above.enterprise_id = party.organisation_id))) OR (EXISTS ( SELECT
   FROM public.cloud_order above
  WHERE (above.provider_id = party.organisation_id)))));
CREATE POLICY tenant ON public.record AS RESTRICTIVE FOR SELECT TO order_tenant USING ((EXISTS ( SELECT
   FROM public.cloud_order above
  WHERE (above.id = record.order_id))));
CREATE POLICY tenant ON public.refund AS RESTRICTIVE FOR SELECT TO order_tenant USING ((EXISTS ( SELECT
   FROM public.cloud_order above
  WHERE (above.id = refund.order_id))));
CREATE POLICY tenant ON public.saga AS RESTRICTIVE FOR SELECT TO order_tenant USING ((EXISTS ( SELECT
   FROM public.cloud_order above
  WHERE (above.id = saga.order_id))));
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO "order";
GRANT USAGE ON SCHEMA public TO order_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.affiliation TO "order";
GRANT SELECT ON TABLE public.alembic_version TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.balance TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.clock TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.cloud_order TO "order";
GRANT SELECT ON TABLE public.cloud_order TO order_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.contact TO "order";
GRANT SELECT ON TABLE public.contact TO order_tenant;
GRANT SELECT,INSERT ON TABLE public.contact_read TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.cursor TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.dead_letter TO "order";
GRANT SELECT,INSERT ON TABLE public.decision TO "order";
GRANT SELECT ON TABLE public.decision TO order_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ended_session TO "order";
GRANT SELECT,INSERT ON TABLE public.fact TO "order";
GRANT SELECT ON TABLE public.fact TO order_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.inbox TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lease TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notice TO "order";
GRANT SELECT ON TABLE public.notice TO order_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.offer TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.order_line TO "order";
GRANT SELECT ON TABLE public.order_line TO order_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.parked TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.party TO "order";
GRANT SELECT ON TABLE public.party TO order_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.record TO "order";
GRANT SELECT ON TABLE public.record TO order_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.refund TO "order";
GRANT SELECT ON TABLE public.refund TO order_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.relay_partition TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.retry TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.revocation TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.saga TO "order";
GRANT SELECT ON TABLE public.saga TO order_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.signing_key TO "order";
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.timer TO "order";
INSERT INTO public.alembic_version VALUES ('0005');
