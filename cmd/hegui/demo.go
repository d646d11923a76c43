package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hegui/hegui/function"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/upstream"
	"github.com/hegui/hegui/users"
)

var (
	//go:embed sample/agreement-zh.md
	sampleAgreementZH string
	//go:embed sample/agreement-en.md
	sampleAgreementEN string
)

const (
	// sampleUSCC has right check characters and belongs to nobody: its organisation code spells EXAMPLE0.
	sampleUSCC    = "91110000EXAMPLE03Q"
	sampleNameZH  = "示例公司"
	sampleNameEN  = "Sample Co."
	sampleContact = "complaints@sample.example（示例 sample）"
	demoService   = "demo"
	demoApp       = "demo-app"
	demoUser      = "demo-user"
	demoNewUser   = "new-user"
	demoAgreement = "2026-11"
	ownerLogin    = "owner" // of the first staff member
)

// demoConfig is the sample installation as a configuration: SQLite and loopback, one service, one model. An endpoint of
// the caller's takes the place of the built-in sample model.
func demoConfig(data, endpoint, model string) (Config, error) {
	c := DefaultConfig()
	c.Data = data
	c.Log.Format, c.Log.Level = "text", "warn"
	c.Provider = ProviderConfig{NameZH: sampleNameZH, NameEN: sampleNameEN, USCC: sampleUSCC, Contact: sampleContact}

	u, m := defaultUpstream(), defaultModel()
	switch {
	case (endpoint == "") != (model == ""):
		return c, usageError{"--upstream and --upstream-model belong together"}
	case endpoint == "":
		u.Name, u.URL, model = "sample", upstream.SampleURL, "hegui-sample"
		m.ID, m.NameZH, m.NameEN, m.Vendor, m.Sample = "sample", "内置示例模型", "Built-in sample model", "hegui", true
	default:
		u.Name, u.URL = "upstream", endpoint
		m.ID, m.NameZH, m.NameEN, m.Vendor = "upstream-model", "试用模型 "+model, "Model on trial "+model, "未填写 not stated"
	}
	s := defaultService()
	s.ID, s.NameZH, s.NameEN = demoService, "示例助手", "Sample assistant"
	s.Models = []RouteConfig{{Name: model, Model: m.ID, Targets: []TargetConfig{{Upstream: u.Name, Model: model}}}}
	s.Media.Unchecked = "pass" // sample pictures are patterns
	s.Functions = []FunctionConfig{
		{ID: "chat", NameZH: "对话与写作", NameEN: "Chat and writing", Operations: []string{"chat", "completion"}, Class: "dialogue"},
		{ID: "image", NameZH: "图案生成", NameEN: "Patterns", Operations: []string{"image", "image_edit", "image_variation"}, Class: "other"},
		{ID: "speech", NameZH: "朗读", NameEN: "Reading aloud", Operations: []string{"speech"}, Class: "voice", Biometric: "voice"},
	}
	s.Agreement.Number = demoAgreement
	s.Disclosure = DisclosureConfig{
		PeopleZH:    "年满十八周岁、需要日常写作和问答帮助的人；不适合未成年人单独使用。",
		PeopleEN:    "Adults who want help with everyday writing and questions; not for minors on their own.",
		OccasionsZH: "办公、学习和生活中的一般文字工作。不用于紧急求助、危险作业和需要实时信息的场合。",
		OccasionsEN: "Ordinary work with text in office, study and daily life. Not for emergencies, dangerous work or where live information is needed.",
		PurposesZH:  "起草、改写、概括、翻译文字，回答一般知识问题，帮助理解资料。",
		PurposesEN:  "Drafting, rewriting, summarising and translating text, answering general questions, helping to understand material.",
		LimitsZH:    "回答可能有错、不完整或者过时，不能代替医生、律师和理财顾问的意见；请核实后使用，不要过度依赖。",
		LimitsEN:    "Answers may be wrong, incomplete or out of date and replace no doctor, lawyer or financial adviser; verify before use and do not rely on them too much.",
		OutlineZH:   "生成式语言模型根据输入和上文逐词预测后文。输入和输出都经过词库筛查、个人信息脱敏和标识。此示例安装使用" + m.NameZH + "。",
		OutlineEN:   "A generative language model predicts text word by word from the input and what came before. Input and output are screened by word lists, personal information is masked, and answers are labelled. This sample installation uses: " + m.NameEN + ".",
		PersonalZH:  "应用给出的使用者代号、网络地址和输入内容；用于提供服务、保障安全和履行留存义务。内容以使用者专属密钥加密，保存 180 天后删除；经复核的内容用于训练本服务自己的检测器，不用于训练模型。",
		PersonalEN:  "The identifier an application gives its user, network address and input; used to provide and secure the service and to keep the records the law requires. Content is encrypted under a key of the user's own and deleted after 180 days; reviewed content trains this service's own detectors, no model is trained on it.",
		TrainingZH:  "经复核的内容用于训练本服务自己的检测器，内容保存 180 天。",
		TrainingEN:  "Reviewed content trains this service's own detectors; content is kept for 180 days.",
	}
	c.Upstreams, c.Models, c.Services = []UpstreamConfig{u}, []ModelConfig{m}, []ServiceConfig{s}
	return c, nil
}

// demoDeclaration is demoConfig with the agreement, which is no file, and with everything marked as a sample.
func demoDeclaration(c configFile) (service.Declaration, error) {
	s := c.Services[0]
	s.Agreement.Number = "" // its texts are not files
	c.Services = []ServiceConfig{s}
	d, err := c.declaration()
	if err != nil {
		return d, err
	}
	d.Provider.Sample = true
	words := strings.NewReplacer("{{service_zh}}", s.NameZH, "{{service_en}}", s.NameEN, "{{provider_zh}}", c.Provider.NameZH,
		"{{provider_en}}", c.Provider.NameEN, "{{contact}}", c.Provider.Contact)
	d.Texts = []service.Text{{Service: s.ID, Kind: "agreement", Number: demoAgreement,
		ZH: words.Replace(sampleAgreementZH), EN: words.Replace(sampleAgreementEN)}}
	d.Services[0].Agreement = demoAgreement
	return d, nil
}

// prepareDemo makes the sample key and users and leaves demo.json. A key from an earlier start goes on working.
func (sv *server) prepareDemo(ctx context.Context, d service.Declaration, link string) (demoFile, error) {
	in := sv.in
	path := filepath.Join(in.config.Data, "demo.json")
	f := demoFile{Gateway: sv.gatewayURL(), Console: sv.consoleURL(), Portal: sv.portalURL(), ConsoleLogin: link, Service: demoService,
		User: demoUser, NewUser: demoNewUser, Model: d.Services[0].Models[0].Name, Key: earlierKey(path)}
	second, err := sv.demoStaff(ctx, secondLogin, "第二人 Second person", "compliance")
	if err != nil {
		return f, err
	}
	token, err := in.staff.Link(ctx, actor(), second.ID)
	if err != nil {
		return f, err
	}
	f.SecondLogin = linkURL(sv.consoleURL(), token)
	if _, err := in.services.Authenticate(ctx, f.Key, time.Now()); err != nil {
		if _, f.Key, err = in.services.IssueKey(ctx, actor(), service.Key{Service: demoService, Application: demoApp}); err != nil {
			return f, err
		}
	}
	current, ok := in.services.Service(demoService)
	if !ok {
		return f, fmt.Errorf("demo: service %q is not in force", demoService)
	}
	for _, name := range []string{demoUser, ownerLogin} { // the owner tries the service in the console under the own login
		u, err := in.users.Find(ctx, demoService, name)
		if err != nil {
			return f, err
		}
		if err := in.users.Accept(ctx, actor(), u.Subject, users.Acceptance{Text: current.Agreement, Channel: "cli"}); err != nil {
			return f, err
		}
	}
	if err := in.assessSample(ctx, current, journal.Actor{Kind: "cli", ID: second.ID}); err != nil {
		return f, err
	}
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return f, fmt.Errorf("demo.json: %w", err)
	}
	if err := writePrivate(path, append(b, '\n')); err != nil {
		return f, fmt.Errorf("demo.json: %w", err)
	}
	return f, nil
}

// assessSample records what stands for the assessment of the sample voice, a tone that nobody takes for a person's.
func (in *installation) assessSample(ctx context.Context, s service.Service, who journal.Actor) error {
	states, err := in.functions.States(ctx, s)
	if err != nil {
		return err
	}
	for _, x := range states {
		if x.Locked() {
			if _, err := in.functions.Decide(ctx, who, s, function.Record{Kind: function.Assessment, Function: x.Function.ID, Document: "示例，不是真实评估 Sample, no real assessment",
				Assessor: "示例 Sample", On: time.Now().In(beijing).Format(time.DateOnly)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// earlierKey reads the key of an earlier start; "" when there is none.
func earlierKey(path string) string {
	var f demoFile
	b, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(b, &f) != nil {
		return ""
	}
	return f.Key
}
