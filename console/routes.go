package console

import "github.com/hegui/hegui/operator"

// route is one line of the table of contents: what may be asked for, what the asker must be able to do, and who answers.
// nav is the catalogue key under which the page stands in the navigation, "" for pages that are reached from others.
type route struct {
	method, path string
	need         operator.Capability
	serve        func(*console, *visit) error
	nav          string
}

// Needs of routes that are not a capability: public is open to anybody, anyStaff to whoever has logged in.
const (
	public   operator.Capability = ""
	anyStaff operator.Capability = "*"
)

// routes is the whole console. A page that is not here does not exist; a capability that is not here is not enforced.
var routes = []route{
	{"GET", "/login", public, (*console).loginPage, ""},
	{"POST", "/login", public, (*console).login, ""},
	{"GET", "/link", public, (*console).linkPage, ""},
	{"POST", "/link", public, (*console).useLink, ""},
	{"POST", "/logout", anyStaff, (*console).logout, ""},
	{"GET", "/healthz", public, (*console).healthz, ""},

	{"GET", "/{$}", operator.View, (*console).today, "nav.today"},

	{"GET", "/exchanges", operator.View, (*console).exchanges, "nav.exchanges"},
	{"GET", "/exchanges/export", operator.View, (*console).exportExchanges, ""},
	{"GET", "/exchanges/{id}", operator.View, (*console).exchange, ""},
	{"POST", "/exchanges/{id}/content", operator.ReadContent, (*console).readContent, ""},

	{"GET", "/content", operator.View, (*console).ledger, "nav.ledger"},
	{"GET", "/content/export", operator.View, (*console).exportLedger, ""},
	{"GET", "/content/item", operator.View, (*console).ledgerItem, ""},
	{"POST", "/content/find", operator.View, (*console).ledgerFind, ""},
	{"GET", "/unlabelled", operator.ReadUnlabelled, (*console).unlabelled, "nav.unlabelled"},
	{"GET", "/unlabelled/export", operator.ReadUnlabelled, (*console).exportUnlabelled, ""},
	{"POST", "/unlabelled", operator.ManageUnlabelled, (*console).addUnlabelled, ""},
	{"GET", "/functions", operator.View, (*console).functions, "nav.functions"},
	{"POST", "/functions/decide", operator.ManageFunctions, (*console).decideFunction, ""},
	{"POST", "/functions/assess", operator.ManageFunctions, (*console).assessFunction, ""},

	{"GET", "/try", operator.TryService, (*console).tryPage, "nav.try"},
	{"POST", "/try", operator.TryService, (*console).try, ""},
	{"POST", "/try/stream", operator.TryService, (*console).tryStream, ""},

	{"GET", "/obligations", operator.View, (*console).obligations, "nav.obligations"},
	{"GET", "/obligations/export", operator.View, (*console).exportObligations, ""},

	{"GET", "/evidence", operator.View, (*console).evidence, "nav.evidence"},
	{"GET", "/evidence/event", operator.View, (*console).event, ""},
	{"GET", "/evidence/proof", operator.View, (*console).proof, ""},
	{"POST", "/evidence/verify", operator.Verify, (*console).verify, ""},
	{"POST", "/evidence/checkpoint", operator.Verify, (*console).sign, ""},

	{"GET", "/lexicon", operator.View, (*console).lexicon, "nav.lexicon"},
	{"GET", "/lexicon/entries", operator.View, (*console).lexiconEntries, ""},
	{"GET", "/lexicon/entries/entry", operator.View, (*console).lexiconEntry, ""},
	{"POST", "/lexicon/entries/entry", operator.ManageLexicon, (*console).setEntry, ""},
	{"POST", "/lexicon/entries/remove", operator.ManageLexicon, (*console).removeEntry, ""},
	{"POST", "/lexicon/entries/undo", operator.ManageLexicon, (*console).undoEntry, ""},
	{"GET", "/lexicon/import", operator.ManageLexicon, (*console).lexiconImport, ""},
	{"POST", "/lexicon/import", operator.ManageLexicon, (*console).importLexicon, ""},
	{"GET", "/lexicon/draft", operator.View, (*console).lexiconDraft, ""},
	{"POST", "/lexicon/draft/measure", operator.ManageLexicon, (*console).measureDraft, ""},
	{"POST", "/lexicon/draft/publish", operator.ManageLexicon, (*console).publishDraft, ""},
	{"POST", "/lexicon/draft/propose", operator.ManageLexicon, (*console).proposeDraft, ""},
	{"POST", "/lexicon/draft/approve", operator.ManageLexicon, (*console).approveDraft, ""},
	{"POST", "/lexicon/draft/discard", operator.ManageLexicon, (*console).discardDraft, ""},
	{"GET", "/lexicon/versions", operator.View, (*console).lexiconVersions, ""},
	{"GET", "/lexicon/export", operator.View, (*console).exportLexicon, ""},
	{"GET", "/lexicon/versions/{n}", operator.View, (*console).lexiconVersion, ""},
	{"POST", "/lexicon/versions/rollback", operator.ManageLexicon, (*console).rollbackLexicon, ""},
	{"POST", "/lexicon/versions/approve", operator.ManageLexicon, (*console).approveRollback, ""},

	{"GET", "/policy", operator.View, (*console).policy, "nav.policy"},
	{"POST", "/policy/try", operator.ManageLexicon, (*console).tryPolicy, ""},
	{"POST", "/policy/measures", operator.ManageLexicon, (*console).declareMeasure, ""},
	{"POST", "/policy/measures/sign", operator.ManageLexicon, (*console).signMeasure, ""},
	{"POST", "/policy/measures/lift", operator.ManageLexicon, (*console).liftMeasure, ""},

	{"GET", "/answers", operator.View, (*console).answers, "nav.answers"},
	{"GET", "/answers/answer", operator.View, (*console).answer, ""},
	{"POST", "/answers/answer", operator.ManageLexicon, (*console).setAnswer, ""},
	{"POST", "/answers/approve", operator.ManageLexicon, (*console).approveAnswer, ""},
	{"POST", "/answers/retire", operator.ManageLexicon, (*console).retireAnswer, ""},
	{"POST", "/answers/import", operator.ManageLexicon, (*console).importAnswers, ""},
	{"GET", "/answers/export", operator.View, (*console).exportAnswers, ""},

	{"GET", "/review", operator.View, (*console).review, "nav.review"},
	{"GET", "/review/export", operator.View, (*console).exportReview, ""},
	{"POST", "/review/rates", operator.Review, (*console).setRates, ""},
	{"GET", "/review/samples/{id}", operator.View, (*console).sample, ""},
	{"POST", "/review/samples/{id}", operator.Review, (*console).judgeSample, ""},
	{"POST", "/review/samples/{id}/content", operator.ReadContent, (*console).openSample, ""},
	{"GET", "/disputes", operator.View, (*console).disputes, "nav.disputes"},
	{"GET", "/disputes/export", operator.View, (*console).exportDisputes, ""},
	{"POST", "/disputes/proposals/second", operator.Review, (*console).secondProposal, ""},
	{"POST", "/disputes/proposals/approve", operator.Review, (*console).approveProposal, ""},
	{"POST", "/disputes/proposals/decline", operator.Review, (*console).declineProposal, ""},
	{"GET", "/classifier", operator.View, (*console).classifier, "nav.classifier"},
	{"GET", "/classifier/export", operator.View, (*console).exportClassifiers, ""},
	{"POST", "/classifier/material", operator.ManageDetectors, (*console).sampleMaterial, ""},
	{"POST", "/classifier/train", operator.ManageDetectors, (*console).trainClassifier, ""},
	{"POST", "/classifier/move/{what}", operator.ManageDetectors, (*console).moveClassifier, ""},

	{"GET", "/detectors", operator.View, (*console).detectors, "nav.detectors"},

	{"GET", "/settings", operator.View, (*console).settings, "nav.settings"},
	{"GET", "/settings/keys", operator.View, (*console).keys, ""},
	{"POST", "/settings/keys", operator.ManageKeys, (*console).issueKey, ""},
	{"POST", "/settings/keys/revoke", operator.ManageKeys, (*console).revokeKey, ""},
	{"GET", "/settings/users", operator.View, (*console).users, ""},
	{"POST", "/settings/users/suspend", operator.ManageUsers, (*console).suspendUser, ""},
	{"POST", "/settings/users/lift", operator.ManageUsers, (*console).liftUser, ""},
	{"GET", "/settings/staff", operator.ManageStaff, (*console).staffPage, ""},
	{"POST", "/settings/staff", operator.ManageStaff, (*console).addStaff, ""},
	{"POST", "/settings/staff/link", operator.ManageStaff, (*console).linkStaff, ""},
	{"POST", "/settings/staff/disable", operator.ManageStaff, (*console).disableStaff, ""},
	{"GET", "/settings/me", anyStaff, (*console).me, ""},
	{"POST", "/settings/me", anyStaff, (*console).setPassword, ""},

	{"GET", "/api/openapi.json", public, (*console).openAPI, ""},
	// The API answers with the session of whoever has logged in.
	{"GET", "/api/v1/exchanges", operator.View, (*console).apiExchanges, ""},
	{"GET", "/api/v1/exchanges/{id}", operator.View, (*console).apiExchange, ""},
	{"POST", "/api/v1/exchanges/{id}/content", operator.ReadContent, (*console).apiContent, ""},
	{"GET", "/api/v1/contents", operator.View, (*console).apiLedger, ""},
	{"GET", "/api/v1/contents/{id}", operator.View, (*console).apiLedgerItem, ""},
	{"GET", "/api/v1/unlabelled", operator.ReadUnlabelled, (*console).apiUnlabelled, ""},
	{"POST", "/api/v1/unlabelled", operator.ManageUnlabelled, (*console).apiAddUnlabelled, ""},
	{"GET", "/api/v1/obligations", operator.View, (*console).apiObligations, ""},
	{"GET", "/api/v1/events", operator.View, (*console).apiEvents, ""},
	{"GET", "/api/v1/proof", operator.View, (*console).proof, ""},
	{"POST", "/api/v1/verify", operator.Verify, (*console).apiVerify, ""},
	{"GET", "/api/v1/keys", operator.View, (*console).apiKeys, ""},
	{"POST", "/api/v1/keys", operator.ManageKeys, (*console).apiIssueKey, ""},
	{"POST", "/api/v1/keys/revoke", operator.ManageKeys, (*console).apiRevokeKey, ""},
	{"GET", "/api/v1/lexicon", operator.View, (*console).apiLexicon, ""},
	{"GET", "/api/v1/lexicon/entries", operator.View, (*console).apiEntries, ""},
	{"POST", "/api/v1/lexicon/entries", operator.ManageLexicon, (*console).apiSetEntries, ""},
	{"POST", "/api/v1/lexicon/entries/remove", operator.ManageLexicon, (*console).apiRemoveEntries, ""},
	{"POST", "/api/v1/lexicon/entries/undo", operator.ManageLexicon, (*console).apiUndoEntries, ""},
	{"POST", "/api/v1/lexicon/import", operator.ManageLexicon, (*console).apiImport, ""},
	{"GET", "/api/v1/lexicon/draft", operator.View, (*console).apiDraft, ""},
	{"POST", "/api/v1/lexicon/draft/measure", operator.ManageLexicon, (*console).apiMeasure, ""},
	{"POST", "/api/v1/lexicon/draft/publish", operator.ManageLexicon, (*console).apiPublish, ""},
	{"POST", "/api/v1/lexicon/draft/propose", operator.ManageLexicon, (*console).apiPropose, ""},
	{"POST", "/api/v1/lexicon/draft/approve", operator.ManageLexicon, (*console).apiApprove, ""},
	{"POST", "/api/v1/lexicon/draft/discard", operator.ManageLexicon, (*console).apiDiscard, ""},
	{"GET", "/api/v1/lexicon/versions", operator.View, (*console).apiVersions, ""},
	{"POST", "/api/v1/policy/try", operator.ManageLexicon, (*console).apiTryPolicy, ""},
	{"POST", "/api/v1/lexicon/rollback", operator.ManageLexicon, (*console).apiRollback, ""},
	{"POST", "/api/v1/lexicon/rollback/approve", operator.ManageLexicon, (*console).apiApproveRollback, ""},
	{"GET", "/api/v1/review", operator.View, (*console).apiReview, ""},
	{"GET", "/api/v1/review/samples", operator.View, (*console).apiSamples, ""},
	{"GET", "/api/v1/review/samples/{id}", operator.View, (*console).apiSample, ""},
	{"POST", "/api/v1/review/samples/{id}/content", operator.ReadContent, (*console).apiSampleContent, ""},
	{"POST", "/api/v1/review/samples/{id}/decisions", operator.Review, (*console).apiDecide, ""},
	{"POST", "/api/v1/review/rates", operator.Review, (*console).apiRates, ""},
	{"GET", "/api/v1/review/proposals", operator.View, (*console).apiProposals, ""},
	{"POST", "/api/v1/review/proposals/second", operator.Review, (*console).apiSecond, ""},
	{"POST", "/api/v1/review/proposals/approve", operator.Review, (*console).apiApproveProposal, ""},
	{"POST", "/api/v1/review/proposals/decline", operator.Review, (*console).apiDecline, ""},
	{"GET", "/api/v1/disputes", operator.View, (*console).apiDisputes, ""},
	{"GET", "/api/v1/classifiers", operator.View, (*console).apiClassifiers, ""},
	{"POST", "/api/v1/classifiers", operator.ManageDetectors, (*console).apiTrain, ""},
	{"POST", "/api/v1/classifiers/{what}", operator.ManageDetectors, (*console).apiMoveClassifier, ""},
}
