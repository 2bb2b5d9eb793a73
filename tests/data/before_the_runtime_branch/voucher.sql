-- The schema of voucher as releases before the runtime's branch left it, as pg_dump wrote it (ADR 0028),
-- without the digests in the comments of policies, which the migrator writes anew.
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.allocation (
    plan_id uuid NOT NULL,
    decision_no bigint NOT NULL,
    kind text NOT NULL,
    ticket_no bigint DEFAULT 0 NOT NULL,
    enterprise_id uuid,
    outcome text DEFAULT ''::text NOT NULL,
    amount_fen bigint DEFAULT 0 NOT NULL,
    waiting_fen bigint DEFAULT 0 NOT NULL,
    cap_left_fen bigint DEFAULT 0 NOT NULL,
    left_after_fen bigint DEFAULT 0 NOT NULL,
    lane_left_after_fen bigint DEFAULT 0 NOT NULL,
    pack_version text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT ck_allocation_amounts CHECK (((amount_fen >= 0) AND (left_after_fen >= 0)))
);
CREATE TABLE public.allocator_lease (
    plan_id uuid NOT NULL,
    owner text NOT NULL,
    epoch bigint NOT NULL,
    until timestamp with time zone NOT NULL
);
CREATE TABLE public.application (
    id uuid NOT NULL,
    plan_id uuid NOT NULL,
    year integer NOT NULL,
    ticket_no bigint NOT NULL,
    enterprise_id uuid NOT NULL,
    region text NOT NULL,
    listed boolean NOT NULL,
    requested_fen bigint NOT NULL,
    state text NOT NULL,
    earmarked_fen bigint DEFAULT 0 NOT NULL,
    granted_fen bigint DEFAULT 0 NOT NULL,
    waiting_fen bigint DEFAULT 0 NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    declaration_version text NOT NULL,
    account_id uuid NOT NULL,
    pack_version text NOT NULL,
    request_hash bytea NOT NULL,
    receipt_kid text NOT NULL,
    receipt_signature bytea NOT NULL,
    received_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    review_due_at timestamp with time zone,
    version integer DEFAULT 0 NOT NULL,
    is_open boolean GENERATED ALWAYS AS ((state = ANY (ARRAY['earmarked'::text, 'queued'::text, 'waiting'::text]))) STORED,
    waits boolean GENERATED ALWAYS AS ((waiting_fen > 0)) STORED,
    correction text DEFAULT ''::text NOT NULL,
    CONSTRAINT ck_application_balances CHECK (((earmarked_fen >= 0) AND (granted_fen >= 0) AND (waiting_fen >= 0))),
    CONSTRAINT ck_application_requested CHECK ((requested_fen > 0)),
    CONSTRAINT ck_application_state_known CHECK ((state = ANY (ARRAY['queued'::text, 'earmarked'::text, 'waiting'::text, 'granted'::text, 'refused'::text, 'sent_back'::text, 'withdrawn'::text, 'closed'::text]))),
    CONSTRAINT ck_application_within_request CHECK ((((earmarked_fen + granted_fen) + waiting_fen) <= requested_fen))
)
WITH (fillfactor='45');
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
CREATE TABLE public.hold (
    order_id uuid NOT NULL,
    quota_account_id uuid,
    state text NOT NULL,
    claim_id uuid,
    ended_claims jsonb DEFAULT '{}'::jsonb NOT NULL,
    refusal jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT ck_hold_state_known CHECK ((state = ANY (ARRAY['refused'::text, 'closed'::text, 'held'::text, 'released'::text, 'committed'::text, 'claimed'::text, 'redeemed'::text])))
)
WITH (fillfactor='50');
CREATE TABLE public.hold_line (
    order_id uuid NOT NULL,
    line integer NOT NULL,
    amount_fen bigint NOT NULL,
    state text NOT NULL,
    paid_fen bigint DEFAULT 0 NOT NULL,
    short_fen bigint DEFAULT 0 NOT NULL,
    CONSTRAINT ck_hold_line_amounts CHECK (((amount_fen >= 0) AND (paid_fen >= 0) AND (short_fen >= 0))),
    CONSTRAINT ck_hold_line_paid CHECK (((paid_fen + short_fen) =
CASE
    WHEN (state = 'redeemed'::text) THEN amount_fen
    ELSE (0)::bigint
END)),
    CONSTRAINT ck_hold_line_state_known CHECK ((state = ANY (ARRAY['held'::text, 'released'::text, 'committed'::text, 'refunded'::text, 'claimed'::text, 'redeemed'::text])))
)
WITH (fillfactor='50');
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
CREATE TABLE public.intake_counter (
    plan_id uuid NOT NULL,
    last_ticket_no bigint DEFAULT 0 NOT NULL,
    closed boolean DEFAULT false NOT NULL
)
WITH (fillfactor='50');
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
    kind text NOT NULL,
    name text NOT NULL,
    region text NOT NULL,
    authenticated boolean NOT NULL,
    legal_person boolean NOT NULL,
    established_on date,
    priority_listed boolean NOT NULL,
    suspended_since timestamp with time zone,
    closed boolean NOT NULL,
    version integer NOT NULL,
    size_class text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.plan (
    id uuid NOT NULL,
    year integer NOT NULL,
    state text NOT NULL,
    total_fen bigint NOT NULL,
    left_fen bigint DEFAULT 0 NOT NULL,
    earmarked_fen bigint DEFAULT 0 NOT NULL,
    lane_left_fen bigint DEFAULT 0 NOT NULL,
    lane_share_bp integer NOT NULL,
    lane_until timestamp with time zone,
    cap_fen bigint NOT NULL,
    opens_at timestamp with time zone NOT NULL,
    closes_at timestamp with time zone NOT NULL,
    drafted_by uuid,
    approved_by uuid,
    pack_version text NOT NULL,
    decided_to bigint DEFAULT 0 NOT NULL,
    last_decision_no bigint DEFAULT 0 NOT NULL,
    allocator_epoch bigint DEFAULT 0 NOT NULL,
    version integer NOT NULL,
    ended_by uuid,
    ended_reason text DEFAULT ''::text NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT ck_plan_amounts CHECK (((total_fen > 0) AND (cap_fen > 0))),
    CONSTRAINT ck_plan_balances CHECK (((left_fen >= 0) AND (earmarked_fen >= 0))),
    CONSTRAINT ck_plan_lane_share CHECK (((lane_share_bp >= 0) AND (lane_share_bp <= 10000))),
    CONSTRAINT ck_plan_lane_within_left CHECK (((lane_left_fen >= 0) AND (lane_left_fen <= left_fen))),
    CONSTRAINT ck_plan_state_known CHECK ((state = ANY (ARRAY['draft'::text, 'approved'::text, 'published'::text, 'closing'::text, 'closed'::text, 'refused'::text, 'withdrawn'::text]))),
    CONSTRAINT ck_plan_within_total CHECK (((left_fen + earmarked_fen) <= total_fen))
)
WITH (fillfactor='50');
CREATE TABLE public.plan_increase (
    id uuid NOT NULL,
    plan_id uuid NOT NULL,
    amount_fen bigint NOT NULL,
    reason text NOT NULL,
    state text NOT NULL,
    drafted_by uuid,
    approved_by uuid,
    drafted_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    ended_by uuid,
    ended_reason text DEFAULT ''::text NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT ck_plan_increase_amount CHECK ((amount_fen > 0)),
    CONSTRAINT ck_plan_increase_state_known CHECK ((state = ANY (ARRAY['proposed'::text, 'approved'::text, 'refused'::text, 'withdrawn'::text, 'lapsed'::text])))
);
CREATE TABLE public.posting (
    id uuid NOT NULL,
    business_key text NOT NULL,
    plan_id uuid NOT NULL,
    quota_account_id uuid,
    movement text NOT NULL,
    debit_account text NOT NULL,
    credit_account text NOT NULL,
    amount_fen bigint NOT NULL,
    order_id uuid,
    line integer,
    application_id uuid,
    reason text NOT NULL,
    rule text NOT NULL,
    pack_version text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT ck_posting_amount CHECK ((amount_fen > 0)),
    CONSTRAINT ck_posting_credit_account_known CHECK ((credit_account = ANY (ARRAY['total'::text, 'left'::text, 'earmarked'::text, 'available'::text, 'held'::text, 'committed'::text, 'claimed'::text, 'redeemed'::text, 'taken_back'::text]))),
    CONSTRAINT ck_posting_debit_account_known CHECK ((debit_account = ANY (ARRAY['total'::text, 'left'::text, 'earmarked'::text, 'available'::text, 'held'::text, 'committed'::text, 'claimed'::text, 'redeemed'::text, 'taken_back'::text]))),
    CONSTRAINT ck_posting_two_accounts CHECK ((debit_account <> credit_account))
);
CREATE TABLE public.quota_account (
    id uuid NOT NULL,
    plan_id uuid NOT NULL,
    enterprise_id uuid NOT NULL,
    year integer NOT NULL,
    region text NOT NULL,
    cap_fen bigint NOT NULL,
    granted_fen bigint DEFAULT 0 NOT NULL,
    revoked_fen bigint DEFAULT 0 NOT NULL,
    earmarked_fen bigint DEFAULT 0 NOT NULL,
    available_fen bigint DEFAULT 0 NOT NULL,
    held_fen bigint DEFAULT 0 NOT NULL,
    committed_fen bigint DEFAULT 0 NOT NULL,
    claimed_fen bigint DEFAULT 0 NOT NULL,
    redeemed_fen bigint DEFAULT 0 NOT NULL,
    taken_back_fen bigint DEFAULT 0 NOT NULL,
    closed boolean DEFAULT false NOT NULL,
    version integer DEFAULT 0 NOT NULL,
    CONSTRAINT ck_quota_account_balances CHECK (((earmarked_fen >= 0) AND (available_fen >= 0) AND (held_fen >= 0) AND (committed_fen >= 0) AND (claimed_fen >= 0) AND (redeemed_fen >= 0) AND (taken_back_fen >= 0) AND (granted_fen >= 0) AND (revoked_fen >= 0))),
    CONSTRAINT ck_quota_account_within_cap CHECK ((((earmarked_fen + granted_fen) - revoked_fen) <= cap_fen))
)
WITH (fillfactor='50');
CREATE TABLE public.receipt_key (
    kid text NOT NULL,
    public_key bytea NOT NULL,
    sealed_private_key bytea NOT NULL,
    made_at timestamp with time zone NOT NULL
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
CREATE TABLE public.returned (
    plan_id uuid NOT NULL,
    enterprise_id uuid NOT NULL,
    application_id uuid NOT NULL,
    amount_fen bigint NOT NULL,
    returned_at timestamp with time zone NOT NULL
);
CREATE TABLE public.revocation (
    account_id uuid NOT NULL,
    tokens_before timestamp with time zone NOT NULL,
    noted_in bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL
);
CREATE TABLE public.revocation_case (
    id uuid NOT NULL,
    quota_account_id uuid NOT NULL,
    amount_fen bigint NOT NULL,
    reason text NOT NULL,
    state text NOT NULL,
    proposed_by uuid,
    approved_by uuid,
    proposed_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    ended_by uuid,
    ended_reason text DEFAULT ''::text NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT ck_revocation_case_amount CHECK ((amount_fen > 0)),
    CONSTRAINT ck_revocation_case_state_known CHECK ((state = ANY (ARRAY['proposed'::text, 'approved'::text, 'refused'::text, 'withdrawn'::text, 'lapsed'::text])))
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
ALTER TABLE ONLY public.allocation
    ADD CONSTRAINT pk_allocation PRIMARY KEY (plan_id, decision_no);
ALTER TABLE ONLY public.allocator_lease
    ADD CONSTRAINT pk_allocator_lease PRIMARY KEY (plan_id);
ALTER TABLE ONLY public.application
    ADD CONSTRAINT pk_application PRIMARY KEY (id);
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
ALTER TABLE ONLY public.hold
    ADD CONSTRAINT pk_hold PRIMARY KEY (order_id);
ALTER TABLE ONLY public.hold_line
    ADD CONSTRAINT pk_hold_line PRIMARY KEY (order_id, line);
ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT pk_idempotency PRIMARY KEY (scope, key);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT pk_inbox PRIMARY KEY (event_id);
ALTER TABLE ONLY public.intake_counter
    ADD CONSTRAINT pk_intake_counter PRIMARY KEY (plan_id);
ALTER TABLE ONLY public.lease
    ADD CONSTRAINT pk_lease PRIMARY KEY (name);
ALTER TABLE ONLY public.notice
    ADD CONSTRAINT pk_notice PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);
ALTER TABLE ONLY public.parked
    ADD CONSTRAINT pk_parked PRIMARY KEY (stream, aggregate_id, version);
ALTER TABLE ONLY public.party
    ADD CONSTRAINT pk_party PRIMARY KEY (organisation_id);
ALTER TABLE ONLY public.plan
    ADD CONSTRAINT pk_plan PRIMARY KEY (id);
ALTER TABLE ONLY public.plan_increase
    ADD CONSTRAINT pk_plan_increase PRIMARY KEY (id);
ALTER TABLE ONLY public.posting
    ADD CONSTRAINT pk_posting PRIMARY KEY (id);
ALTER TABLE ONLY public.quota_account
    ADD CONSTRAINT pk_quota_account PRIMARY KEY (id);
ALTER TABLE ONLY public.receipt_key
    ADD CONSTRAINT pk_receipt_key PRIMARY KEY (kid);
ALTER TABLE ONLY public.relay_partition
    ADD CONSTRAINT pk_relay_partition PRIMARY KEY (partition);
ALTER TABLE ONLY public.retry
    ADD CONSTRAINT pk_retry PRIMARY KEY (event_id);
ALTER TABLE ONLY public.returned
    ADD CONSTRAINT pk_returned PRIMARY KEY (plan_id, enterprise_id);
ALTER TABLE ONLY public.revocation
    ADD CONSTRAINT pk_revocation PRIMARY KEY (account_id);
ALTER TABLE ONLY public.revocation_case
    ADD CONSTRAINT pk_revocation_case PRIMARY KEY (id);
ALTER TABLE ONLY public.signing_key
    ADD CONSTRAINT pk_signing_key PRIMARY KEY (kid);
ALTER TABLE ONLY public.timer
    ADD CONSTRAINT pk_timer PRIMARY KEY (kind, key);
ALTER TABLE ONLY public.application
    ADD CONSTRAINT uq_application_plan_id_ticket_no UNIQUE (plan_id, ticket_no);
ALTER TABLE ONLY public.posting
    ADD CONSTRAINT uq_posting_business_key UNIQUE (business_key);
ALTER TABLE ONLY public.quota_account
    ADD CONSTRAINT uq_quota_account_enterprise_id_year UNIQUE (enterprise_id, year);
CREATE INDEX application_enterprise ON public.application USING btree (enterprise_id, id);
CREATE UNIQUE INDEX application_one_open ON public.application USING btree (plan_id, enterprise_id) WHERE is_open;
CREATE INDEX application_waiting ON public.application USING btree (plan_id, ticket_no) WHERE waits;
CREATE INDEX decision_subject ON public.decision USING btree (subject_id, id);
CREATE INDEX ended_session_ended_at ON public.ended_session USING btree (ended_at);
CREATE INDEX ended_session_noted_in ON public.ended_session USING btree (noted_in);
CREATE INDEX fact_aggregate ON ONLY public.fact USING btree (aggregate_id, version);
CREATE INDEX fact_default_aggregate_id_version_idx ON public.fact_default USING btree (aggregate_id, version);
CREATE INDEX hold_account ON public.hold USING btree (quota_account_id);
CREATE INDEX inbox_received_at ON public.inbox USING brin (received_at);
CREATE INDEX notice_recipient_id ON public.notice USING btree (recipient, id);
CREATE INDEX outbox_partition_id ON public.outbox USING btree (partition, id);
CREATE UNIQUE INDEX plan_of_year ON public.plan USING btree (year) WHERE (state <> ALL (ARRAY['refused'::text, 'withdrawn'::text]));
CREATE INDEX posting_account ON public.posting USING btree (quota_account_id, id);
CREATE INDEX quota_account_plan ON public.quota_account USING btree (plan_id, id);
CREATE INDEX revocation_noted_in ON public.revocation USING btree (noted_in);
CREATE INDEX signing_key_noted_in ON public.signing_key USING btree (noted_in);
CREATE INDEX timer_due_at ON public.timer USING btree (due_at);
ALTER INDEX public.fact_aggregate ATTACH PARTITION public.fact_default_aggregate_id_version_idx;
ALTER INDEX public.pk_fact ATTACH PARTITION public.fact_default_pkey;
ALTER TABLE ONLY public.allocator_lease
    ADD CONSTRAINT fk_allocator_lease_plan_id FOREIGN KEY (plan_id) REFERENCES public.plan(id);
ALTER TABLE ONLY public.hold_line
    ADD CONSTRAINT fk_hold_line_order_id FOREIGN KEY (order_id) REFERENCES public.hold(order_id);
ALTER TABLE ONLY public.hold
    ADD CONSTRAINT fk_hold_quota_account_id FOREIGN KEY (quota_account_id) REFERENCES public.quota_account(id);
ALTER TABLE ONLY public.intake_counter
    ADD CONSTRAINT fk_intake_counter_plan_id FOREIGN KEY (plan_id) REFERENCES public.plan(id);
ALTER TABLE ONLY public.plan_increase
    ADD CONSTRAINT fk_plan_increase_plan_id FOREIGN KEY (plan_id) REFERENCES public.plan(id);
ALTER TABLE ONLY public.revocation_case
    ADD CONSTRAINT fk_revocation_case_quota_account_id FOREIGN KEY (quota_account_id) REFERENCES public.quota_account(id);
ALTER TABLE public.application ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.decision ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON public.application USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.decision USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.fact USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.notice USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.party USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.plan USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.posting USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.quota_account USING (true) WITH CHECK (true);
CREATE POLICY everybody ON public.returned USING (true) WITH CHECK (true);
ALTER TABLE public.fact ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.notice ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.party ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.plan ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.posting ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.quota_account ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.returned ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON public.application AS RESTRICTIVE FOR SELECT TO voucher_tenant USING ((enterprise_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")));
CREATE POLICY tenant ON public.decision AS RESTRICTIVE FOR SELECT TO voucher_tenant USING ((EXISTS ( SELECT
   FROM public.application above
  WHERE (above.id = decision.subject_id))));
CREATE POLICY tenant ON public.fact AS RESTRICTIVE FOR SELECT TO voucher_tenant USING ((EXISTS ( SELECT
   FROM public.application above
  WHERE (above.id = fact.aggregate_id))));
CREATE POLICY tenant ON public.notice AS RESTRICTIVE FOR SELECT TO voucher_tenant USING (((recipient = ('org:'::text || ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif"))) OR (recipient = ANY (ARRAY['role:enterprise'::text, 'role:provider'::text]))));
CREATE POLICY tenant ON public.party AS RESTRICTIVE FOR SELECT TO voucher_tenant USING ((organisation_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")));
CREATE POLICY tenant ON public.plan AS RESTRICTIVE FOR SELECT TO voucher_tenant USING ((state = ANY (ARRAY['published'::text, 'closing'::text, 'closed'::text])));
CREATE POLICY tenant ON public.posting AS RESTRICTIVE FOR SELECT TO voucher_tenant USING ((EXISTS ( SELECT
   FROM public.quota_account above
  WHERE (above.id = posting.quota_account_id))));
CREATE POLICY tenant ON public.quota_account AS RESTRICTIVE FOR SELECT TO voucher_tenant USING ((enterprise_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")));
CREATE POLICY tenant ON public.returned AS RESTRICTIVE FOR SELECT TO voucher_tenant USING ((enterprise_id = ( SELECT (NULLIF(current_setting('yunquan.tenant'::text, true), ''::text))::uuid AS "nullif")));
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO voucher;
GRANT USAGE ON SCHEMA public TO voucher_tenant;
GRANT SELECT ON TABLE public.alembic_version TO voucher;
GRANT SELECT,INSERT ON TABLE public.allocation TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.allocator_lease TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.application TO voucher;
GRANT SELECT ON TABLE public.application TO voucher_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.clock TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.cursor TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.dead_letter TO voucher;
GRANT SELECT,INSERT ON TABLE public.decision TO voucher;
GRANT SELECT ON TABLE public.decision TO voucher_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ended_session TO voucher;
GRANT SELECT,INSERT ON TABLE public.fact TO voucher;
GRANT SELECT ON TABLE public.fact TO voucher_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.hold TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.hold_line TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.inbox TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.intake_counter TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lease TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notice TO voucher;
GRANT SELECT ON TABLE public.notice TO voucher_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.parked TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.party TO voucher;
GRANT SELECT ON TABLE public.party TO voucher_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.plan TO voucher;
GRANT SELECT ON TABLE public.plan TO voucher_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.plan_increase TO voucher;
GRANT SELECT,INSERT ON TABLE public.posting TO voucher;
GRANT SELECT ON TABLE public.posting TO voucher_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.quota_account TO voucher;
GRANT SELECT ON TABLE public.quota_account TO voucher_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.receipt_key TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.relay_partition TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.retry TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.returned TO voucher;
GRANT SELECT ON TABLE public.returned TO voucher_tenant;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.revocation TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.revocation_case TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.signing_key TO voucher;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.timer TO voucher;
INSERT INTO public.alembic_version VALUES ('0004');
