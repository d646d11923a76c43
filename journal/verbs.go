package journal

import "strings"

// Verb says what happened. A verb not listed in Verbs is refused by Commit.
type Verb string

// What can happen. Doc of each verb, for readers of an exported journal, is in Verbs.
const (
	ExchangeOpened   Verb = "exchange.opened"
	ExchangeClosed   Verb = "exchange.closed"
	ExchangeRefused  Verb = "exchange.refused"
	ExchangeScreened Verb = "exchange.screening"
	ExchangeShown    Verb = "exchange.shown"
	ContentRead      Verb = "content.read"
	ContentPurged    Verb = "content.purged"
	ContentErased    Verb = "content.erased"
	LabelWaived      Verb = "label.waived"

	ServiceInForce Verb = "service.in_force"
	ModelInForce   Verb = "model.in_force"
	TextInForce    Verb = "text.in_force"
	LexiconInForce Verb = "lexicon.in_force"
	LexiconDrafted Verb = "lexicon.drafted"
	LexiconVersion Verb = "lexicon.published"
	PolicyInForce  Verb = "policy.in_force"
	KeyIssued      Verb = "key.issued"
	KeyRevoked     Verb = "key.revoked"

	UserSeen      Verb = "user.seen"
	UserAccepted  Verb = "user.accepted"
	UserSuspended Verb = "user.suspended"
	UserLifted    Verb = "user.lifted"
	UserErased    Verb = "user.erased"

	StaffAdded    Verb = "staff.added"
	StaffChanged  Verb = "staff.changed"
	StaffLinked   Verb = "staff.linked"
	StaffLoggedIn Verb = "staff.logged_in"
	StaffFailed   Verb = "staff.login_failed"

	ReviewRates    Verb = "review.rates"
	ReviewSampled  Verb = "review.sampled"
	ReviewDecided  Verb = "review.decided"
	ReviewDisputed Verb = "review.disputed"
	ReviewProposed Verb = "review.proposed"
	ReviewSettled  Verb = "review.settled"
	ReviewErased   Verb = "review.erased"

	AnswerDrafted  Verb = "answer.drafted"
	AnswerApproved Verb = "answer.approved"
	AnswerRetired  Verb = "answer.retired"

	EmergencyDeclared Verb = "emergency.declared"
	EmergencySigned   Verb = "emergency.signed"
	EmergencyLapsed   Verb = "emergency.lapsed"
	EmergencyEnded    Verb = "emergency.ended"
	FunctionDecided   Verb = "function.decided"
	FunctionAssessed  Verb = "function.assessed"
	InterfaceAttested Verb = "interface.attested"
	ConsentRecorded   Verb = "consent.recorded"
	ConsentWithdrawn  Verb = "consent.withdrawn"

	ClassifierTrained Verb = "classifier.trained"
	ClassifierMoved   Verb = "classifier.moved"

	ProbeRan        Verb = "probe.ran"
	GuardDegraded   Verb = "guard.degraded"
	UpstreamChanged Verb = "upstream.changed"

	DetectorsInForce    Verb = "detector.in_force"
	DetectorChanged     Verb = "detector.changed"
	DetectorCapped      Verb = "detector.capped"
	DetectorOvercharged Verb = "detector.overcharged"

	FindingsTaken Verb = "obligation.findings"
	ServerStarted Verb = "server.started"
	ServerStopped Verb = "server.stopped"
)

// VerbDoc explains one verb.
type VerbDoc struct {
	Verb  Verb
	Moves bool // changes a register that others keep in memory: raises Generation
	Doc   string
}

// Verbs is the whole table.
func Verbs() []VerbDoc {
	return []VerbDoc{
		{ExchangeOpened, false, "A request was admitted and is about to be sent upstream; durable before the first byte of the answer leaves. Body: exchange.Intent."},
		{ExchangeClosed, false, "The final record of an exchange; durable before its last byte leaves. Body: exchange.Record."},
		{ExchangeRefused, false, "A request was turned away before any model saw it. Body: exchange.Record."},
		{ExchangeScreened, false, "An application began to send a text slice by slice to be judged; durable before it is told that any of it may be shown. Body: exchange.Intent."},
		{ExchangeShown, false, "An application acknowledged what it showed of a text that it had only sent to be judged. Body: characters shown, whether it was labelled."},
		{ContentRead, false, "A staff member opened stored content. Body: the reason given."},
		{ContentPurged, false, "Sealed content past its retention was deleted. Body: service, time limit, count."},
		{ContentErased, false, "The content ledger forgot an erased user: pseudonym, digests of texts and kept bytes. Body: count of contents."},
		{LabelWaived, false, "Content was given without an explicit label at a user's request (Labelling Measures Art 9). Body: id, content, exchange, clause, time, keyed digest of the whole entry; never the recipient."},
		{ServiceInForce, true, "A version of a service's declaration took effect. Body: its hash."},
		{ModelInForce, true, "A version of a model's dossier (vendor, region, filing number) took effect. Body: its hash."},
		{TextInForce, true, "A version of an agreement took effect. Body: service, number, hash, effective date."},
		{LexiconInForce, true, "A compiled lexicon took effect on a node. Body: hash, entries, counts per risk, and what of the must-answer bank is refused."},
		{LexiconDrafted, false, "The draft of the installation's own word-list entries changed, was proposed for publishing or was discarded; or it was asked to go back to an earlier version. Body: what, counts, figures; never a text."},
		{LexiconVersion, true, "A version of the installation's own word-list entries was published, a new one or an earlier one again; nodes compile it and report lexicon.in_force. Body: hash, counts, figures of the gate, who approved."},
		{AnswerDrafted, false, "A version of an approved answer was written. Body: version, hash, risk, days."},
		{AnswerApproved, true, "A version of an approved answer was put in force by another person than its author. Body: version, hash."},
		{AnswerRetired, true, "A version of an approved answer was taken out of force, or a draft dropped. Body: version, hash, reason."},
		{EmergencyDeclared, true, "An emergency entry took effect, or a stricter period was set. Body: order, reason, end; the word only as its hash."},
		{EmergencySigned, true, "The second signature under an emergency measure. Body: the measure."},
		{EmergencyLapsed, true, "An emergency entry that nobody signed within a day went out of force by itself. Body: the measure."},
		{EmergencyEnded, true, "An emergency measure came to its end, or was lifted with a reason. Body: the measure."},
		{FunctionDecided, true, "Somebody decided whether the public may be confused by what a function generates (Deep Synthesis Provisions Art 17). Body: function, hash of its declaration, decision, reason."},
		{FunctionAssessed, true, "A security assessment of a function was recorded (Deep Synthesis Provisions Art 15). Body: function, hash of its declaration, document, who assessed, day."},
		{InterfaceAttested, true, "An application attested what a version of its interface shows all the time (GB 45438-2025 5.6). Body: client, what it shows, hash of a picture."},
		{ConsentRecorded, true, "A consent to have face or voice edited was recorded (Deep Synthesis Provisions Art 14). Body: scope, end; never the person."},
		{ConsentWithdrawn, true, "Such a consent was withdrawn. Body: the same."},
		{PolicyInForce, true, "A moderation policy took effect on a node. Body: hash, name, rows, and gaps: risks of A.1 for which it lets hits of the block tier go on."},
		{KeyIssued, true, "A key was issued to an application. Body: service, application, expiry; never the secret."},
		{KeyRevoked, true, "A key was revoked. Body: reason."},
		{UserSeen, false, "A pseudonym was seen for the first time. Body: service."},
		{UserAccepted, true, "A user accepted a version of the agreement. Body: text id, channel, commitment to the address."},
		{UserSuspended, true, "A user was suspended by a decision. Body: decision, reason, until."},
		{UserLifted, true, "A suspension ended by a decision. Body: decision, reason."},
		{UserErased, true, "A user's key was destroyed: everything sealed under it is gone. Body: reason."},
		{StaffAdded, false, "A staff member was added. Body: role."},
		{StaffChanged, true, "A staff member was disabled, enabled or set a password. Body: what."},
		{StaffLinked, false, "A one-time log-in link was issued to a staff member."},
		{StaffLoggedIn, false, "A staff member logged in. Body: way (password, link)."},
		{StaffFailed, false, "A log-in failed. Body: why; no login name."},
		{ReviewRates, true, "How much of a service's traffic is drawn for people to judge was declared. Body: the rates."},
		{ReviewSampled, false, "A text of an exchange was drawn for people to judge. Body: exchange, reason of the draw; never the text."},
		{ReviewDecided, false, "A person judged a sample. Body: exchange, verdict, risk labels, which reading it was."},
		{ReviewDisputed, false, "A user disputed what was done with an exchange. Body: dispute, sample, channel, whether a reason was given."},
		{ReviewProposed, false, "The rate of overturned hits proposes to demote a lexicon entry. Body: tiers, figures."},
		{ReviewSettled, false, "A person seconded, approved or declined a proposed demotion. Body: proposal, state, tiers."},
		{ReviewErased, false, "Samples, decisions and disputes of an erased user were removed. Body: count."},
		{ClassifierTrained, false, "A classifier was trained from reviewed samples, or its training failed. Body: hash, counts, over-blocking."},
		{ClassifierMoved, true, "A classifier went to shadow, into force or out of use, or that was proposed. Body: state, hash, over-blocking, who approved."},
		{ProbeRan, false, "A self-test of a service's guards ran. Body: service and results per guard."},
		{GuardDegraded, false, "A guard could not work. Body: guard, service, the declared rule that was followed (closed or open), error."},
		{UpstreamChanged, false, "An endpoint's circuit breaker opened or closed. Body: endpoint, state, reason."},
		{DetectorsInForce, false, "Other detectors than before look at texts on a node, or the policy acts on others of their findings. Body: per detector name, kind, whether it only observes, and the risks of A.1 on which the policy acts, by direction."},
		{DetectorChanged, false, "A detector's circuit breaker opened or closed. Body: detector, state, reason."},
		{DetectorCapped, false, "A detector has reached its daily cap; at most once a day. Body: day, cap in yuan, what happens to texts."},
		{DetectorOvercharged, false, "A detector's provider billed more than texts can need; at most once a day. Body: day, tokens billed and counted."},
		{FindingsTaken, false, "The status of every duty was computed. Body: status per duty."},
		{ServerStarted, false, "A hegui process began to serve. Body: version, role, hashes of what is in force."},
		{ServerStopped, false, "A hegui process stopped in order. Body: reason."},
	}
}

// verbTable is Verbs by name, read-only.
var verbTable = func() map[Verb]VerbDoc {
	table := map[Verb]VerbDoc{}
	for _, d := range Verbs() {
		table[d.Verb] = d
	}
	return table
}()

// Doc returns what v means and whether it is in the table.
func (v Verb) Doc() (VerbDoc, bool) {
	d, ok := verbTable[v]
	return d, ok
}

// Traffic tells whether v is an exchange's; those are too many to be indexed by what they are about.
func (v Verb) Traffic() bool { return strings.HasPrefix(string(v), "exchange.") }
