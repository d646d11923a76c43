package journal

// Verb says what happened. A verb not listed in Verbs is refused by Commit.
type Verb string

const (
	// ExchangeOpened: a request was admitted and is about to be sent upstream; durable before the first byte of the answer leaves.
	ExchangeOpened Verb = "exchange.opened"
	// ExchangeClosed: the final record of an exchange; durable before its last byte leaves. Body is exchange.Record.
	ExchangeClosed Verb = "exchange.closed"
	// ExchangeRefused: a request was turned away before any model saw it (key, agreement, standing, limits, input content).
	ExchangeRefused Verb = "exchange.refused"
	// ContentRead: a staff member read stored content unmasked, with the reason given.
	ContentRead Verb = "content.read"

	ServiceInForce Verb = "service.in_force" // a version of a service's declaration took effect; body has its hash
	ModelInForce   Verb = "model.in_force"   // a model's dossier (vendor, region, filing number) took effect
	TextInForce    Verb = "text.in_force"    // a version of an agreement or disclosure text took effect
	LexiconInForce Verb = "lexicon.in_force" // a compiled lexicon took effect on a node; body has counts per risk and hash
	KeyIssued      Verb = "key.issued"
	KeyRevoked     Verb = "key.revoked"

	UserSeen      Verb = "user.seen"      // first exchange or visit of a pseudonym
	UserAccepted  Verb = "user.accepted"  // a user accepted a version of the agreement
	UserSuspended Verb = "user.suspended" // by a decision, with reason and term
	UserLifted    Verb = "user.lifted"    // a suspension ended early, with reason
	UserErased    Verb = "user.erased"    // the subject's key was destroyed

	StaffAdded    Verb = "staff.added"
	StaffChanged  Verb = "staff.changed"
	StaffLinked   Verb = "staff.linked" // a one-time log-in link was issued
	StaffLoggedIn Verb = "staff.logged_in"
	StaffFailed   Verb = "staff.login_failed"

	ProbeRan        Verb = "probe.ran"           // a self-test of a guard (labeller, recorder, moderator) with its result
	GuardDegraded   Verb = "guard.degraded"      // a guard could not work; body says which, since when, and by which declared rule traffic went on or stopped
	UpstreamChanged Verb = "upstream.changed"    // a breaker opened or closed
	FindingsTaken   Verb = "obligation.findings" // a snapshot of all duties' statuses
	ServerStarted   Verb = "server.started"
	ServerStopped   Verb = "server.stopped"
)
