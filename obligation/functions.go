package obligation

import (
	"context"
	"errors"
	"slices"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/service"
)

var errNoFunctions = errors.New("the register of functions is not open here")

// checkInterfaces holds every interface that had to show something in the last day to what it has attested, and every function to a signed decision.
func checkInterfaces(ctx context.Context, ev Evidence) (Finding, error) {
	if ev.Functions == nil {
		return Finding{}, errNoFunctions
	}
	services, err := ev.services()
	if err != nil {
		return Finding{}, err
	}
	list, err := ev.Functions.Interfaces(ctx, ev.from())
	if err != nil {
		return Finding{}, err
	}
	j := begin()
	j.seen(ev.Now)
	j.ref("verb:"+string(journal.InterfaceAttested), "verb:"+string(journal.FunctionDecided))
	declared, open := 0, 0
	for _, s := range services {
		states, err := ev.Functions.States(ctx, s)
		if err != nil {
			return Finding{}, err
		}
		for _, x := range states {
			declared++
			if x.Decided == nil {
				open++
				j.sayf(Notice, "服务 %s 的功能 %s 尚无签署的判断，按可能导致公众混淆或误认处理。", "Nobody has signed a decision about function %[2]s of service %[1]s; it counts as one that may confuse the public.", s.ID, x.Function.ID)
				j.mend("在控制台“功能”页签署判断，或运行 hegui function decide。", "Sign the decision on the console's page Functions, or with hegui function decide.")
			}
		}
		if len(s.Functions) == 0 {
			j.sayf(Notice, "服务 %s 未声明功能，全部内容按可能导致公众混淆或误认处理。", "Service %s declares no functions; all it generates counts as something that may confuse the public.", s.ID)
			j.mend("在配置 services.functions 中声明功能。", "Declare its functions in the configuration (services.functions).")
		}
	}
	j.fact("functions", declared)
	j.fact("undecided", open)
	var bare, unnamed, attested int
	for _, x := range list {
		switch {
		case x.Client == "":
			unnamed++
			j.sayf(Breach, "应用 %s（服务 %s）收到须由界面提示（%s）的内容，但界面未以 X-Hegui-Client 表明版本。", "Application %s (service %s) got content for which its interface must show %s, and the interface did not name itself (X-Hegui-Client).", x.Application, x.Service, x.Owed)
		case !x.Attested:
			bare++
			j.sayf(Breach, "界面 %s（应用 %s，服务 %s）尚未确认持续显示 %s。", "Interface %s (application %s, service %s) has not attested that it shows %s all the time.", x.Client, x.Application, x.Service, x.Owed)
		default:
			attested++
		}
	}
	if bare+unnamed > 0 {
		j.mend("由应用负责人确认界面持续显示后调用 POST /v1/hegui/attestations，或将 label.place 改为 start 或 end，或设置 label.attested: true。",
			"Have the application's owner make sure that it is shown all the time and call POST /v1/hegui/attestations; or set label.place to start or end, or label.attested: true.")
	}
	j.fact("interfaces_attested", attested)
	j.fact("interfaces_not_attested", bare)
	j.fact("interfaces_unnamed", unnamed)
	if len(list) == 0 {
		j.say(Met, "近 24 小时没有须由界面提示的内容。", "Nothing in the last 24 h had to be told by an interface.")
	} else if bare+unnamed == 0 {
		j.sayf(Met, "近 24 小时须提示的 %d 个界面均已确认；确认由应用作出，网关看不到界面。", "Interfaces that had to show something in the last 24 h: %d, all attested by their applications; the gateway cannot see them.", attested)
	}
	return j.finding()
}

// voices tells the services that offer speech, and so generate voices.
func voices(s service.Service) bool {
	return slices.ContainsFunc(s.Functions, func(f service.Function) bool { return f.Biometric != "" })
}

// checkAssessed looks whether a function of Art 15 was used in the last day without a recorded assessment.
func checkAssessed(ctx context.Context, ev Evidence) (Finding, error) {
	if ev.Functions == nil {
		return Finding{}, errNoFunctions
	}
	services, err := ev.services()
	if err != nil {
		return Finding{}, err
	}
	j := begin()
	j.seen(ev.Now)
	j.ref("verb:" + string(journal.FunctionAssessed))
	locked, assessed := 0, 0
	for _, s := range services {
		if !voices(s) {
			continue
		}
		states, err := ev.Functions.States(ctx, s)
		if err != nil {
			return Finding{}, err
		}
		for _, x := range states {
			switch {
			case x.Locked():
				locked++
				j.sayf(Notice, "服务 %s 的功能 %s 未登记安全评估，处于关闭状态。", "Function %[2]s of service %[1]s has no recorded security assessment and is off.", s.ID, x.Function.ID)
			case x.Assessed != nil:
				assessed++
				j.ref("function:" + x.Assessed.ID)
			}
		}
	}
	j.fact("locked", locked)
	j.fact("assessed", assessed)
	if assessed > 0 {
		j.sayf(Notice, "已登记 %d 项功能的安全评估；评估内容是否充分须由人判断。", "Functions with a recorded security assessment: %d; whether the assessments are enough is for people to judge.", assessed)
	}
	j.say(Met, "语音合成等涉及人声、人脸的功能，在登记安全评估前由网关关闭；未在配置中声明的图像功能，网关不知道是否涉及人脸。", "What generates voices, and functions declared for faces, the gateway keeps off until an assessment is recorded; of image functions that are not declared it does not know whether they make faces.")
	j.mend("生成或编辑人脸的图像功能，请在 services.functions 中声明 biometric。", "Declare biometric in services.functions for image functions that make or edit faces.")
	return j.finding()
}

// checkConsents looks whether calls of functions that edit faces or voices named a consent.
func checkConsents(ctx context.Context, ev Evidence) (Finding, error) {
	if ev.Functions == nil {
		return Finding{}, errNoFunctions
	}
	services, err := ev.services()
	if err != nil {
		return Finding{}, err
	}
	j := begin()
	j.seen(ev.Now)
	j.ref("verb:" + string(journal.ConsentRecorded))
	edits := map[string]bool{}
	for _, s := range services {
		for _, f := range s.Functions {
			if f.Consent {
				edits[s.ID+"/"+f.ID] = true
			}
		}
	}
	j.fact("functions", len(edits))
	if len(edits) == 0 {
		j.say(Notice, "没有声明为编辑人脸、人声的功能（services.functions 的 consent），网关不要求同意。", "No function is declared to edit faces or voices (consent in services.functions), so the gateway asks for no consents.")
		j.mend("提供换脸、仿声等功能的，请声明 consent: true。", "If you offer face swaps, imitated voices and the like, declare them with consent: true.")
		return j.finding()
	}
	var with, without int
	for f := (exchange.Filter{From: ev.from(), To: ev.Now, Limit: 500}); ; {
		page, err := ev.Exchanges.List(ctx, f)
		if err != nil {
			return Finding{}, err
		}
		for _, r := range page {
			if !edits[r.Service+"/"+r.Function] || r.Outcome == exchange.Rejected {
				continue
			}
			if r.Consent != "" {
				with++
				continue
			}
			if without++; without <= 20 {
				j.ref("exchange:" + r.ID)
			}
		}
		if len(page) < f.Limit {
			break
		}
		f.Before = page[len(page)-1].ID
	}
	j.fact("calls_with_consent_24h", with)
	j.fact("calls_without_consent_24h", without)
	if without > 0 {
		j.sayf(Breach, "近 24 小时有 %d 次编辑人脸、人声的调用未指明同意。", "Calls of the last 24 h that edited a face or voice without naming a consent: %d.", without)
		j.mend("查看所列交互。", "Look at the exchanges named.")
	} else {
		j.sayf(Met, "近 24 小时 %d 次编辑人脸、人声的调用均指明了登记的同意；没有登记同意的调用由网关拒绝。", "Calls of the last 24 h that edited a face or voice: %d, all naming a recorded consent; the gateway refuses those that do not.", with)
	}
	return j.finding()
}
