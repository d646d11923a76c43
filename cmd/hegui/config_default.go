package main

import (
	"time"

	"github.com/hegui/hegui/detector"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
)

// DefaultConfig is what holds for everything a file leaves out. It offers no service yet.
func DefaultConfig() Config {
	return Config{
		Data:   "hegui-data",
		Node:   "main",
		Listen: ListenConfig{Gateway: "127.0.0.1:8080", Console: "127.0.0.1:8081", Portal: "127.0.0.1:8082"},
		Timeouts: TimeoutsConfig{
			ReadHeader: Duration(10 * time.Second),
			Idle:       Duration(2 * time.Minute),
			Drain:      Duration(30 * time.Second),
		},
		Log:           LogConfig{Level: "info", Format: "json"},
		Detectors:     []DetectorConfig{},
		FileDetectors: []FileDetectorConfig{},
		DetectorCache: 10_000,
	}
}

func defaultUpstream() UpstreamConfig {
	return UpstreamConfig{
		Connect:         Duration(3 * time.Second),
		FirstByte:       Duration(60 * time.Second),
		Idle:            Duration(60 * time.Second),
		BreakerFailures: 5,
		Refusals:        []RefusalRowConfig{},
		BreakerPause:    Duration(10 * time.Second),
	}
}

func defaultModel() ModelConfig { return ModelConfig{Region: "CN"} }

func defaultLexicon() LexiconConfig { return LexiconConfig{Tier: string(moderation.Signal)} }

func defaultDetector() DetectorConfig {
	return DetectorConfig{
		Asks:            []string{},
		Threshold:       detector.DefaultThreshold,
		MaxPieces:       detector.DefaultMaxPieces,
		Context:         detector.DefaultContext,
		Timeout:         Duration(detector.DefaultTimeout),
		OnError:         "hold",
		Ask:             string(detector.Always),
		Low:             0.3,
		High:            0.8,
		Sample:          0.01,
		AtCap:           string(detector.CapHold),
		BreakerFailures: detector.DefaultFailures,
		BreakerPause:    Duration(detector.DefaultPause),
	}
}

// defaultService takes its values from the register's own defaults, so that the two cannot differ.
func defaultService() ServiceConfig {
	d := service.Defaults("")
	mode := func(m service.Mode) ModeConfig { return ModeConfig{Act: m.Act, OnError: m.OnError} }
	return ServiceConfig{
		Label:       LabelConfig{Place: string(d.Label), Lang: d.LabelLang},
		Refusal:     RefusalConfig{As: d.Refusal, ZH: d.RefusalZH, EN: d.RefusalEN, Upstream: "answer", History: "heal"},
		OnViolation: d.OnViolation,
		Profile:     d.Profile,
		Answers:     AnswersConfig{Act: "enforce", Near: "pass"},
		Functions:   []FunctionConfig{},
		Media:       MediaConfig{Unchecked: d.Media.Unchecked, Mark: d.Media.Mark, Hours: d.Media.Hours},
		Signals:     SignalsConfig{On: d.Signals.On, Scripts: []string{"Han", "Latin"}},
		Privacy:     PrivacyConfig{In: d.Privacy.In, Out: d.Privacy.Out},
		Modes: ModesConfig{ModerateIn: mode(d.Modes.ModerateIn), ModerateOut: mode(d.Modes.ModerateOut),
			Privacy: mode(d.Modes.Privacy), Label: mode(d.Modes.Label)},
		KeepContent:    d.KeepContent,
		ContentDays:    d.ContentDays,
		CancelUpstream: d.CancelUpstream,
		Limits:         LimitsConfig{RequestsPerMinute: d.RequestsPerMinute, MaxBodyBytes: d.MaxBodyBytes},
	}
}

// A list element starts from its defaults; the decoder then lays what the file says over them.

// UnmarshalYAML sets the defaults first.
func (c *UpstreamConfig) UnmarshalYAML(decode func(any) error) error {
	type plain UpstreamConfig
	*c = defaultUpstream()
	return decode((*plain)(c))
}

// UnmarshalYAML sets the defaults first.
func (c *ModelConfig) UnmarshalYAML(decode func(any) error) error {
	type plain ModelConfig
	*c = defaultModel()
	return decode((*plain)(c))
}

// UnmarshalYAML sets the defaults first.
func (c *ServiceConfig) UnmarshalYAML(decode func(any) error) error {
	type plain ServiceConfig
	*c = defaultService()
	return decode((*plain)(c))
}

// UnmarshalYAML sets the defaults first.
func (c *DetectorConfig) UnmarshalYAML(decode func(any) error) error {
	type plain DetectorConfig
	*c = defaultDetector()
	return decode((*plain)(c))
}

// UnmarshalYAML sets the defaults first.
func (c *LexiconConfig) UnmarshalYAML(decode func(any) error) error {
	type plain LexiconConfig
	*c = defaultLexicon()
	return decode((*plain)(c))
}

// StarterConfig is what "hegui init" writes: the defaults and one upstream, model and service to begin with. The
// provider's names and code are left for its owner; serve says so.
func StarterConfig() Config {
	c := DefaultConfig()
	u := defaultUpstream()
	u.Name, u.URL = "local", "http://127.0.0.1:9100/v1"
	m := defaultModel()
	m.ID, m.NameZH, m.NameEN, m.Vendor = "my-model", "我的模型", "My model", "模型研制者"
	s := defaultService()
	s.ID, s.NameZH, s.NameEN = "assistant", "智能助手", "Assistant"
	s.Models = []RouteConfig{{Name: "my-model", Model: "my-model", Targets: []TargetConfig{{Upstream: "local", Model: "my-model"}}}}
	s.Agreement = AgreementConfig{Number: "1", ZHFile: agreementZHFile, ENFile: agreementENFile}
	c.Upstreams, c.Models, c.Services = []UpstreamConfig{u}, []ModelConfig{m}, []ServiceConfig{s}
	return c
}

// Names of the agreement templates that "hegui init" writes beside the configuration.
const (
	agreementZHFile = "agreement-zh.md"
	agreementENFile = "agreement-en.md"
)
