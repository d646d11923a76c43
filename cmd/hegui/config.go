package main

import "time"

// The comments on the fields below are the documentation: "hegui init" prints them into the file it writes, and
// a test fails on a field without one. Each says what the field does, its unit, and its default when that is not plain
// from the value shown.

// Config is the whole configuration, one YAML file. Unknown keys, wrong types and keys given twice are errors.
type Config struct {
	// The legal person that offers the services of this installation (Measures Art 9, 22).
	Provider ProviderConfig `yaml:"provider"`

	// Directory for everything hegui keeps: the SQLite database, the installation's keys, sealed content. Relative paths
	// start from the directory of this file. It is created with rights for its owner only. Losing DATA/keys means
	// losing the content sealed under them; back it up apart from the database.
	Data string `yaml:"data"`

	// The database that state is kept in.
	Database DatabaseConfig `yaml:"database"`

	// This process's name among those that share the database; its evidence tree is called
	// hegui/<installation>/<node>. Lower-case letters, digits and hyphens. Give each process of several its own.
	Node string `yaml:"node"`

	// Addresses to listen on, host:port. Port 0 takes any free port. Put TLS in front of anything that is not loopback.
	Listen ListenConfig `yaml:"listen"`

	// Addresses under which users and operators reach the listeners, when a proxy stands in front. Links to the
	// agreement and to appeals are built from them. Empty: http:// and the address listened on.
	Public PublicConfig `yaml:"public"`

	// Places where models can be reached: any endpoint that speaks the OpenAI protocol.
	Upstreams []UpstreamConfig `yaml:"upstreams"`

	// Dossiers of the models offered (Measures Art 7, 17).
	Models []ModelConfig `yaml:"models"`

	// The generative-AI services offered, each with its texts, models, rules and limits.
	Services []ServiceConfig `yaml:"services"`

	// Your own word lists, added to the built-in starter list of plainly harmful things. Read at the start and on SIGHUP.
	Lexicons []LexiconConfig `yaml:"lexicons"`

	// Models that judge texts besides word lists and classifiers, in the order of the cascade: cheap ones first. Read at the
	// start. Rows of the policy with detector: [guard] say what follows from what they find; the policy that ships lets it pass.
	Detectors []DetectorConfig `yaml:"detectors"`

	// Endpoints that look at pictures and sound, those that come in and those that are generated. Read at the start.
	FileDetectors []FileDetectorConfig `yaml:"file_detectors"`

	// List of files that are not taken and not given out (hegui content hash FILE writes lines for it). Read at the start.
	BlockedFiles string `yaml:"blocked_files"`

	// Verdicts of detectors that are kept in memory, each for an hour and for its own service only. 0 keeps none.
	DetectorCache int `yaml:"detector_cache"`

	// What is done about what is found: the moderation policy.
	Policy PolicyConfig `yaml:"policy"`

	// How long the servers wait for clients.
	Timeouts TimeoutsConfig `yaml:"timeouts"`

	// What is written to standard error. Content, keys and users' names never are.
	Log LogConfig `yaml:"log"`
}

// DatabaseConfig names the database.
type DatabaseConfig struct {
	// "sqlite:/path/file.db" or "postgres://user@host:5432/name". Empty: sqlite in the data directory. A PostgreSQL
	// database must compare text by bytes: CREATE DATABASE hegui TEMPLATE template0 LC_COLLATE 'C' ENCODING 'UTF8'.
	DSN string `yaml:"dsn"`

	// File that holds the DSN, for one with a password in it. Only one of dsn and dsn_file can be set.
	DSNFile string `yaml:"dsn_file"`
}

// ListenConfig holds the three addresses.
type ListenConfig struct {
	// The gateway that applications call: /v1/chat/completions and its sisters, /healthz, /readyz.
	Gateway string `yaml:"gateway"`

	// The operators' console; also /metrics (Prometheus), /healthz, /readyz. Keep it off public networks.
	Console string `yaml:"console"`

	// The public site: about the services, agreements; /healthz, /readyz.
	Portal string `yaml:"portal"`
}

// PublicConfig holds what the three addresses are called from outside.
type PublicConfig struct {
	// E.g. https://ai.example.cn
	Gateway string `yaml:"gateway"`

	// E.g. https://console.example.cn
	Console string `yaml:"console"`

	// E.g. https://about.example.cn
	Portal string `yaml:"portal"`
}

// UpstreamConfig is one endpoint.
type UpstreamConfig struct {
	// Name that services use and records show. Required.
	Name string `yaml:"name"`

	// Address up to and without /chat/completions. builtin:sample answers in process with text marked as a sample.
	// Required.
	URL string `yaml:"url"`

	// File that holds the bearer token. Empty: none is sent.
	KeyFile string `yaml:"key_file"`

	// Further headers sent with each request.
	Headers map[string]string `yaml:"headers"`

	// Longest time to connect, TLS included.
	Connect Duration `yaml:"connect"`

	// Longest time from a request sent to the headers of its answer, per try.
	FirstByte Duration `yaml:"first_byte"`

	// Longest silence inside a stream.
	Idle Duration `yaml:"idle"`

	// After so many failures in a row the endpoint rests.
	BreakerFailures int `yaml:"breaker_failures"`

	// How long it rests before one request tries it again.
	BreakerPause Duration `yaml:"breaker_pause"`

	// How this upstream says that it refuses content, where that is not known already. A refusal is an answer: it is not tried
	// again and does not count as a failure. See: hegui upstream refusals
	Refusals []RefusalRowConfig `yaml:"refusals"`
}

// RefusalRowConfig tells refusals of content from failures.
type RefusalRowConfig struct {
	// Name of the row, for records. Required.
	ID string `yaml:"id"`

	// HTTP statuses that it can come with. Empty: any.
	Statuses []int `yaml:"statuses"`

	// Values of code or type in the answer, whole, without case.
	Codes []string `yaml:"codes"`

	// Parts of the message, without case.
	Messages []string `yaml:"messages"`

	// True: a code and a message must be there; false: one is enough.
	Both bool `yaml:"both"`

	// Values of finish_reason that say that a filter ended the answer.
	Finishes []string `yaml:"finishes"`

	// What was refused: input, output or unknown. Empty: unknown.
	Side string `yaml:"side"`
}

// ModelConfig is a dossier.
type ModelConfig struct {
	// Name that services use: lower-case letters, digits, hyphens. Required.
	ID string `yaml:"id"`

	// Chinese name for the public. Required.
	NameZH string `yaml:"name_zh"`

	// English name for the public. Required.
	NameEN string `yaml:"name_en"`

	// Who made the model. Required.
	Vendor string `yaml:"vendor"`

	// Where it runs: CN, or the two letters (ISO 3166) of another place. Required.
	Region string `yaml:"region"`

	// Filing or registration number (备案号 or 上线编号) as published; empty when there is none.
	FilingNo string `yaml:"filing_no"`

	// Address of the announcement.
	FilingURL string `yaml:"filing_url"`

	// True for the built-in sample model only; every page says so.
	Sample bool `yaml:"sample"`
}

// ServiceConfig is one service.
type ServiceConfig struct {
	// Short name in addresses and records: lower-case letters, digits, hyphens. Never changed afterwards. Required.
	ID string `yaml:"id"`

	// Chinese name for the public. Required.
	NameZH string `yaml:"name_zh"`

	// English name for the public. Required.
	NameEN string `yaml:"name_en"`

	// Models that clients may ask for, in the order shown. At least one.
	Models []RouteConfig `yaml:"models"`

	// The service agreement in force (Art 9). Without one nothing is generated for anybody.
	Agreement AgreementConfig `yaml:"agreement"`

	// What the public is told about the service (Art 10). Empty fields show as shortcomings in the register.
	Disclosure DisclosureConfig `yaml:"disclosure"`

	// The label on generated text that people see (Art 12; GB 45438-2025). The machine-readable one is always there.
	Label LabelConfig `yaml:"label"`

	// What takes the place of an answer that must not be given (Art 14).
	Refusal RefusalConfig `yaml:"refusal"`

	// What happens to a streamed answer when a violation shows up in it (action block of the policy): stop ends it there,
	// retract asks capable clients to remove what was shown, replace asks them to show the refusal in its place.
	OnViolation string `yaml:"on_violation"`

	// Scenario profile: rows of the policy can ask for it. Lower-case letters, digits, hyphens; empty: none.
	Profile string `yaml:"profile"`

	// Approved answers (代答), which stand in the console and in: hegui answers
	Answers AnswersConfig `yaml:"answers"`

	// What is watched for besides words. What is found is evidence; rows of the policy with detector: [jailbreak] and so on
	// say what follows.
	Signals SignalsConfig `yaml:"signals"`

	// Personal information (Art 11): resident IDs, mobile and bank card numbers, e-mail addresses.
	Privacy PrivacyConfig `yaml:"privacy"`

	// Images and sound: generated and uploaded files.
	Media MediaConfig `yaml:"media"`

	// What the service offers, for Articles 15 and 17 of the Deep Synthesis Provisions; see docs/en/functions.md.
	Functions []FunctionConfig `yaml:"functions"`

	// Per guard: does it act, and what happens when it cannot work.
	Modes ModesConfig `yaml:"modes"`

	// Keep what was said, sealed under a key of the user. False keeps commitments only, which prove content that somebody
	// presents but do not hold it.
	KeepContent bool `yaml:"keep_content"`

	// Days that content is kept. Logs under CSL Art 23 must be kept at least six months.
	ContentDays int `yaml:"content_days"`

	// When a client goes away: true cancels the model within 100 ms, false reads on to learn the exact usage.
	CancelUpstream bool `yaml:"cancel_upstream"`

	// Limits of use.
	Limits LimitsConfig `yaml:"limits"`
}

// RouteConfig is one model of a service.
type RouteConfig struct {
	// Name as clients ask for it. Required.
	Name string `yaml:"name"`

	// The dossier, an id under models. Required.
	Model string `yaml:"model"`

	// Where it can be had. At least one.
	Targets []TargetConfig `yaml:"targets"`
}

// TargetConfig is one place where a model can be had.
type TargetConfig struct {
	// Name of an upstream. Required.
	Upstream string `yaml:"upstream"`

	// The model's name there. Required.
	Model string `yaml:"model"`

	// Lower is tried first; equal ones share the load in turn.
	Priority int `yaml:"priority"`
}

// AgreementConfig is the version of the service agreement in force.
type AgreementConfig struct {
	// Version as people cite it. A new wording needs a new number; everyone is asked to accept it anew.
	Number string `yaml:"number"`

	// Markdown file with the Chinese text.
	ZHFile string `yaml:"zh_file"`

	// Markdown file with the English text.
	ENFile string `yaml:"en_file"`

	// Day it takes effect, YYYY-MM-DD (Beijing time), not in the future. Empty: when it is first read.
	Effective string `yaml:"effective"`
}

// DisclosureConfig is what Art 10 asks to state and publish.
type DisclosureConfig struct {
	// Whom the service suits, and whom not.
	PeopleZH string `yaml:"people_zh"`
	// The same in English.
	PeopleEN string `yaml:"people_en"`

	// On which occasions it is meant to be used.
	OccasionsZH string `yaml:"occasions_zh"`
	// The same in English.
	OccasionsEN string `yaml:"occasions_en"`

	// For which purposes.
	PurposesZH string `yaml:"purposes_zh"`
	// The same in English.
	PurposesEN string `yaml:"purposes_en"`

	// What it cannot do and must not be relied on for.
	LimitsZH string `yaml:"limits_zh"`
	// The same in English.
	LimitsEN string `yaml:"limits_en"`

	// Outline of model and algorithm.
	OutlineZH string `yaml:"outline_zh"`
	// The same in English.
	OutlineEN string `yaml:"outline_en"`

	// Which personal information is used, for what, how long.
	PersonalZH string `yaml:"personal_zh"`
	// The same in English.
	PersonalEN string `yaml:"personal_en"`

	// That reviewed content trains the service's own detectors, and how. Left empty, nothing is trained on it.
	TrainingZH string `yaml:"training_zh"`
	// The same in English.
	TrainingEN string `yaml:"training_en"`
}

// RefusalConfig is the answer that takes the place of one that must not be given.
type RefusalConfig struct {
	// message: HTTP 200 with the text and finish_reason content_filter. error: HTTP 400 with code content_filter.
	As string `yaml:"as"`

	// The Chinese text.
	ZH string `yaml:"zh"`

	// The English text.
	EN string `yaml:"en"`

	// What a refusal by the model's provider leads to: answer makes it the answer, in the texts above; next asks the next target
	// of the model first, which may be less strict.
	Upstream string `yaml:"upstream"`

	// What becomes of turns that were refused before when a client sends them again as history: heal shows the model a neutral
	// placeholder in their place, refuse refuses the conversation, pass sends on what only a provider had refused.
	History string `yaml:"history"`
}

// SignalsConfig says what is watched for besides words.
type SignalsConfig struct {
	// jailbreak (attempts to change the model's role), leak (of the system prompt), repetition (without end), secret (keys and
	// tokens), link (denied domains, look-alikes), lure (contacts at other channels, 引流), topic, script.
	On []string `yaml:"on"`

	// For script: names of the scripts that your detectors cover, as Unicode has them (Han, Latin, Hangul, Tibetan, Arabic, …).
	Scripts []string `yaml:"scripts"`

	// For link: CSV with the headings name,owner,expires,allowed; expires is the last day (YYYY-MM-DD), allowed true or false.
	DomainsFile string `yaml:"domains_file"`

	// For topic: CSV with the headings topic,denied,text; one row a sample, of denied and of allowed topics.
	TopicsFile string `yaml:"topics_file"`
}

// PrivacyConfig says what is done with personal information that is found.
type PrivacyConfig struct {
	// In what users send: off, observe (recorded only) or mask (the model never sees it).
	In string `yaml:"in"`

	// In what models answer: off, observe or mask.
	Out string `yaml:"out"`
}

// ModesConfig holds the mode of each guard.
type ModesConfig struct {
	// Screening of what users send.
	ModerateIn ModeConfig `yaml:"moderate_in"`

	// Screening of what models answer.
	ModerateOut ModeConfig `yaml:"moderate_out"`

	// Masking of personal information.
	Privacy ModeConfig `yaml:"privacy"`

	// Labelling.
	Label ModeConfig `yaml:"label"`
}

// ModeConfig is the mode of one guard.
type ModeConfig struct {
	// enforce, or observe: record what would have been done, and let it pass.
	Act string `yaml:"act"`

	// When the guard cannot work: closed refuses the request, open goes on without it. Both are recorded.
	OnError string `yaml:"on_error"`
}

// LimitsConfig are the limits of a service.
type LimitsConfig struct {
	// Requests per minute and user; 0 is no limit.
	RequestsPerMinute int `yaml:"requests_per_minute"`

	// Largest request, in bytes: 1024 to 268435456.
	MaxBodyBytes int64 `yaml:"max_body_bytes"`
}

// LexiconConfig is one word list.
type LexiconConfig struct {
	// The list: text with one entry a line, or CSV, TSV, XLSX or JSON, as docs/en/lexicon.md tells. A bad line refuses
	// the list. Required.
	File string `yaml:"file"`

	// Risk of entries that name none, A1a to A5b (GB/T 45654-2025 Annex A). Required where neither
	// the lines nor the file's name say it.
	Category string `yaml:"category"`

	// Tier of entries that name none. block: a hit alone refuses or stops; only for entries read and approved one by
	// one. signal: evidence for a decision. observe: counted.
	Tier string `yaml:"tier"`
}

// DetectorConfig is one model that judges texts.
type DetectorConfig struct {
	// Short name in records: lower-case letters, digits, . - and _. Required.
	Name string `yaml:"name"`

	// How the model is asked and read; hegui detector profiles lists them. Required, unless vendor is set.
	Profile string `yaml:"profile"`

	// A vendor's hosted check in place of a model: alibaba, alibaba-guard, tencent, baidu, huawei, volcengine, openai. Users' words go to a
	// third party then; read docs/en/hosted-checks.md first.
	Vendor string `yaml:"vendor"`

	// Address of an OpenAI-compatible endpoint, up to and without /chat/completions. Required for a profile; for a vendor empty is its own.
	URL string `yaml:"url"`

	// The model's name there. Required for a profile.
	Model string `yaml:"model"`

	// File that holds the bearer token, or the vendor's secret. Empty: none is sent.
	KeyFile string `yaml:"key_file"`

	// Environment variable that holds it. Only one of key_file and key_env can be set.
	KeyEnv string `yaml:"key_env"`

	// For a vendor: access key id, secret id or client id.
	KeyID string `yaml:"key_id"`

	// For a vendor: region. Empty: its usual one.
	Region string `yaml:"region"`

	// For huawei the project id, for volcengine the app id.
	Project string `yaml:"project"`

	// For alibaba the services for input and output with a comma between, for tencent the BizType, for huawei the biz_type, for openai the model.
	// Empty: the vendor's usual ones.
	Service string `yaml:"service"`

	// Text file with the policy to judge by, for profiles that take one.
	PolicyFile string `yaml:"policy_file"`

	// For profiles with one question a call: which questions. Empty: the profile's own choice.
	Asks []string `yaml:"asks"`

	// Tier of what it finds: block, signal or observe. Empty: the profile's, which is signal.
	Tier string `yaml:"tier"`

	// For profiles that give probabilities: from which on it is a finding, 0 to 1.
	Threshold float64 `yaml:"threshold"`

	// Longest text of one call, in characters; longer ones are judged in overlapping pieces. 0: the profile's.
	MaxChars int `yaml:"max_chars"`

	// Most calls about one text. A text that needs more counts as one that the detector could not judge.
	MaxPieces int `yaml:"max_pieces"`

	// Characters of a streaming answer that are judged together; each costs a call. 0: 120.
	Window int `yaml:"window"`

	// Characters of the answer before the window that are judged with it. -1: none.
	Context int `yaml:"context"`

	// True: no part of an answer is shown before this detector has judged it. False: up to 120 characters may be.
	Sync bool `yaml:"sync"`

	// Longest time of one check.
	Timeout Duration `yaml:"timeout"`

	// When it cannot judge a text: hold (it is not let through, by the service's modes) or degrade (the others decide, recorded).
	OnError string `yaml:"on_error"`

	// When it is asked: always; unsure (an earlier detector scored from low to high); hit (the lexicon or an earlier detector has
	// found something). Earlier are trained classifiers and the detectors above this one; one that is out makes it asked.
	Ask string `yaml:"ask"`

	// For ask: unsure, the lowest score of earlier detectors. Classifiers tell scores below their threshold too, which lies
	// at 0.5; of other detectors, what they do not report counts as below.
	Low float64 `yaml:"low"`

	// For ask: unsure, the highest.
	High float64 `yaml:"high"`

	// Share of the texts for which it is not needed that it is asked about all the same, so that drift shows. 0.01 is one in a hundred.
	Sample float64 `yaml:"sample"`

	// What it costs, in yuan; what is given adds up.
	Price PriceConfig `yaml:"price"`

	// Most that it may cost a day (Beijing time, all nodes together), in yuan; 0: no limit. It can be passed by what nodes spend
	// in one second.
	DailyCap float64 `yaml:"daily_cap"`

	// When the day's limit is reached: hold (texts are not let through), skip (the others decide, recorded) or lexicon (texts with
	// a hit of the lexicon or an earlier detector are held, for the rest as skip).
	AtCap string `yaml:"at_cap"`

	// After so many failures in a row it rests.
	BreakerFailures int `yaml:"breaker_failures"`

	// How long it rests before one text tries it again.
	BreakerPause Duration `yaml:"breaker_pause"`
}

// PriceConfig is what a detector costs.
type PriceConfig struct {
	// Yuan a call.
	PerCall float64 `yaml:"per_call"`

	// Yuan for a thousand characters.
	PerKChars float64 `yaml:"per_1k_chars"`

	// Yuan for a million tokens of input.
	PerMIn float64 `yaml:"per_m_in"`

	// Yuan for a million tokens of output.
	PerMOut float64 `yaml:"per_m_out"`
}

// PolicyConfig names the moderation policy.
type PolicyConfig struct {
	// The policy file (docs: policy). Empty: the policy that ships, by which hits of the block tier are refused or stopped
	// and all else passes. Read at the start, when the file changes and on SIGHUP; one that is wrong, or fails its own
	// tests, leaves the earlier one in force.
	File string `yaml:"file"`
}

// TimeoutsConfig are the servers' patience.
type TimeoutsConfig struct {
	// From a connection to the end of a request's headers.
	ReadHeader Duration `yaml:"read_header"`

	// How long an idle connection is kept.
	Idle Duration `yaml:"idle"`

	// How long a stopping server lets running answers finish.
	Drain Duration `yaml:"drain"`
}

// LogConfig says how to log.
type LogConfig struct {
	// debug, info, warn or error.
	Level string `yaml:"level"`

	// json, or text for people.
	Format string `yaml:"format"`
}

// Duration is a length of time, written 30s, 5m, 1h30m.
type Duration time.Duration
