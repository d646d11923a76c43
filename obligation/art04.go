package obligation

import (
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/measures"
)

// art04 is Article 4: what may not be generated, and the rights that must be respected.
func art04() []Control {
	return []Control{{
		Duty:    "P4-01",
		Control: Bilingual{"每次输入在调用模型前检测；命中拦截级词条即拒绝。", "Every input is checked before the model is called; a block-tier hit refuses it."},
		Fresh:   probeFresh,
		Check:   checkInput,
	}, {
		Duty:    "P4-02",
		Control: Bilingual{"输出边生成边检测，未检完的文字不放行；命中即停止。", "Output is checked while it streams, nothing is released before it is checked, and a hit stops it."},
		Fresh:   probeFresh,
		Check:   checkOutput,
	}, {
		Duty:    "P4-03",
		Control: Bilingual{"按歧视类别检测输出，并对每次发布做成对提示测试。", "Output is classified for discrimination and each release is tested with paired prompts."},
		NotYet: &Bilingual{"尚不能对歧视内容的检测效果和成对提示进行测试。请在发布前人工测试九类歧视，并保存结果。",
			"Neither the detection of discrimination nor paired prompts are tested yet. Test the nine kinds by hand before each release and keep the results."},
	}, {
		Duty:    "P4-04",
		Control: Bilingual{"输出查重、查秘密信息，提示词查自我优待。", "Output is checked for near-copies and secrets, prompts for self-preferencing."},
		NotYet: &Bilingual{"尚不检测近似复制与商业秘密。请用其他工具抽查输出，并约定知识产权投诉渠道。",
			"Near-copies and trade secrets are not detected yet. Sample the output with another tool and offer a channel for intellectual-property complaints."},
	}, {
		Duty:    "P4-05",
		Control: Bilingual{"编辑人脸、人声前须绑定被编辑者的单独同意。", "Editing a face or voice needs the separate consent of the person edited."},
		Fresh:   Window,
		Check:   checkConsents,
	}, {
		Duty:    "P4-06",
		Control: Bilingual{"识别危机信号，给出求助信息并转人工。", "Signs of a crisis are recognised, help is shown and a person takes over."},
		NotYet: &Bilingual{"尚不识别自伤等危机信号。请在应用中设置求助信息与人工值守。",
			"Signs of crisis such as self-harm are not recognised yet. Show where help can be had in the application and have a person on duty."},
	}, {
		Duty:    "P4-07",
		Control: Bilingual{"按服务类型测评准确性与可靠性。", "Accuracy and reliability are measured by kind of service."},
		NotYet: &Bilingual{"尚无准确性、可靠性测评。请按服务类型自行组织测评，并在服务说明中写明局限。",
			"Accuracy and reliability are not measured yet. Run your own evaluation for the kind of service and state the limits on the service page."},
	}, {
		Duty:    "P4-08",
		Control: Bilingual{"每次拒答都有代码和理由；统计实际拒答率；用非拒答测试题库检验现行词库。", "Every refusal carries a code and a reason; the live refusal rate is counted; the lexicon in force is run over the must-answer bank."},
		Fresh:   Window,
		Check:   checkRefusals,
	}, {
		Duty:    "P4-09",
		Control: Bilingual{"命中按违法、不良信息分类处置，每年形成治理报告。", "Hits are handled as illegal or undesirable information, with a report each year."},
		NotYet: &Bilingual{"尚不按十一类违法、九类不良信息归类，也不生成年度报告。可导出交互记录自行汇总。",
			"Hits are not yet mapped to the eleven illegal and nine undesirable kinds and no yearly report is made. Export the exchange records and sum them up yourself."},
	}}
}

func checkInput(ctx context.Context, ev Evidence) (Finding, error) {
	return checkModeration(ctx, ev, "in", "moderate_in")
}

func checkOutput(ctx context.Context, ev Evidence) (Finding, error) {
	return checkModeration(ctx, ev, "out", "moderate_out")
}

// checkModeration judges one direction: the guard enforces, its self-test passes, no exchange went unchecked, every risk
// of A.1 has entries. Keywords alone never meet it.
func checkModeration(ctx context.Context, ev Evidence, direction, guard string) (Finding, error) {
	services, err := ev.services()
	if err != nil {
		return Finding{}, err
	}
	j := begin()
	if err := j.probed(ctx, ev, guard); err != nil {
		return Finding{}, err
	}
	for _, s := range services {
		mode := s.Modes.ModerateIn
		if direction == "out" {
			mode = s.Modes.ModerateOut
		}
		if mode.Act != "enforce" {
			j.sayf(Breach, "服务 %s 的 %s 处于 %s 模式，只记录不处置。", "Guard %[2]s of service %[1]s is in mode %[3]s: it records and does not act.", s.ID, guard, mode.Act)
			j.mend("将该环节改为 enforce。", "Set the guard to enforce.")
		}
		if mode.OnError == "open" {
			j.sayf(Notice, "服务 %s 的 %s 在无法工作时放行。", "Guard %[2]s of service %[1]s lets traffic pass when it cannot work.", s.ID, guard)
		}
	}
	if err := j.checked(ctx, ev, direction); err != nil {
		return Finding{}, err
	}
	j.covers(ev.Lexicon)
	j.pending(ev.Lexicon)
	j.enforces(ev.Policy, direction)
	j.beyondWords(ev.Detectors, direction)
	return j.finding()
}

// beyondWords tells which models look at texts besides the keywords, which alone miss what is worded anew, and whether the policy acts on
// what they find.
func (j *judgement) beyondWords(d DetectorFacts, direction string) {
	var names []string
	heeded := map[string]bool{}
	for _, x := range d.All {
		if x.Observe {
			continue
		}
		names = append(names, x.Name)
		for _, r := range x.Heeded[direction] {
			heeded[r] = true
		}
	}
	var unheeded []string
	for _, r := range measures.Risks() {
		if r.Group == "A.1" && !heeded[r.ID] {
			unheeded = append(unheeded, r.ID)
		}
	}
	j.fact("detectors", names)
	j.fact("detector_findings_without_action", unheeded)
	list := strings.Join(names, ", ")
	switch {
	case !d.Known:
		j.say(Unknown, "日志账本中没有关键词之外的检测器的记录。", "The journal does not tell which detectors there are besides keywords.")
		j.mend("启动服务，检测器会随之记录。", "Start the server; it records them.")
		return
	case len(names) == 0:
		j.say(Short, "仅有关键词检测，没有生效的分类模型或护栏模型。", "Only keywords are checked; no classifier and no guard model is in force.")
		j.mend("接入护栏模型，或用复核样本训练分类模型并使其生效；在此之前请对命中与抽样内容安排人工复核。",
			"Configure a guard model, or train a classifier from reviewed samples and put it in force; until then have people review hits and a sample of the rest.")
		return
	case len(heeded) == 0:
		j.say(Short, "关键词之外的检测器 "+list+" 已生效，但检测策略对其发现均不处置。", "Besides keywords, "+list+" looks at texts; the policy acts on none of its findings.")
	case len(unheeded) > 0:
		j.say(Short, "关键词之外的检测器 "+list+" 已生效，但检测策略对其在以下风险中的发现不处置："+strings.Join(unheeded, "、")+"。",
			"Besides keywords, "+list+" looks at texts; the policy acts on none of its findings in "+strings.Join(unheeded, ", ")+".")
	default:
		j.say(Met, "关键词之外的检测器 "+list+" 已生效，检测策略对其发现进行处置。", "Besides keywords, "+list+" looks at texts and the policy acts on its findings.")
		j.ref("verb:detector.in_force")
		return
	}
	j.ref("verb:detector.in_force")
	j.mend("在检测策略中为这类检测器加入处置其发现的行（signal 级）。", "Add rows to the policy that act on findings (tier signal) of detectors of this kind.")
}

// enforces holds the policy in force to what the control says: a hit of the block tier in a risk of A.1 never goes on.
func (j *judgement) enforces(p PolicyFacts, direction string) {
	j.fact("policy", p.Hash)
	gaps, known := p.Gaps[direction]
	if p.Hash == "" || !known {
		j.say(Unknown, "日志账本中没有检测策略生效及其处置的记录。", "The journal does not tell which policy is in force and what it does.")
		j.mend("启动服务，检测策略会随之生效并留下记录。", "Start the server; the policy takes effect with it and is recorded.")
		return
	}
	j.ref("verb:policy.in_force " + p.Hash)
	j.fact("policy_lets_through", gaps.Always)
	j.fact("policy_excepts", gaps.Sometimes)
	if len(gaps.Always) > 0 {
		j.say(Breach, "检测策略 "+p.Name+" 放行以下风险的拦截级命中："+strings.Join(gaps.Always, "、")+"。",
			"Policy "+p.Name+" lets hits of the block tier go on for "+strings.Join(gaps.Always, ", ")+".")
	}
	if len(gaps.Sometimes) > 0 {
		j.say(Notice, "检测策略 "+p.Name+" 对以下风险的部分拦截级命中有例外："+strings.Join(gaps.Sometimes, "、")+"。",
			"Policy "+p.Name+" makes exceptions for some hits of the block tier in "+strings.Join(gaps.Sometimes, ", ")+".")
	}
	if !gaps.None() {
		j.mend("修改策略中放行或只打码的行，使拦截级命中一律拒答或停止；若词条误伤，请改词条的级别。",
			"Change the rows of the policy that allow or only mask, so that hits of the block tier are refused or stopped; where an entry hits harmless text, change the tier of the entry.")
	}
}

// checked counts exchanges that reached a model without having been looked at.
func (j *judgement) checked(ctx context.Context, ev Evidence, direction string) error {
	stats, err := ev.windowStats(ctx)
	if err != nil {
		return err
	}
	sample, err := ev.windowSample(ctx)
	if err != nil {
		return err
	}
	j.ref(ev.windowRef())
	looked, missed := stats.Asked, stats.Asked-stats.InChecked
	if direction == "out" {
		looked, missed = stats.Generated, stats.Generated-stats.OutChecked
	}
	var waited int64
	away := []string{} // detectors that could not work
	for _, r := range sample {
		for _, o := range r.Guards {
			waited += o.MS
			if o.Detector != "" && o.Guard == "moderate_"+direction && !slices.Contains(away, o.Detector) {
				away = append(away, o.Detector)
			}
		}
		if asked(r) && (direction == "in" && r.Checked.In < 0 || direction == "out" && r.Checked.Out < 0 && shown(r)) {
			j.ref("exchange:" + r.ID)
		}
	}
	j.fact("exchanges_24h", stats.Total)
	j.fact("refused_24h", stats.Refused)
	j.fact("stopped_24h", stats.Stopped)
	j.fact("degraded_24h", stats.Degraded)
	j.fact("degraded_ms_in_sample", waited)
	slices.Sort(away)
	j.fact("degraded_detectors_in_sample", away)
	j.fact("looked_at", looked)
	j.fact("unchecked", missed)
	if missed > 0 {
		j.sayf(Breach, "近 24 小时的 %d 次交互中有 %d 次未经检测。", "Exchanges in the last 24 h: %d, not checked: %d.", looked, missed)
		j.mend("检查该服务的检测模式及降级记录。", "Look at the service's guard modes and at the record of degradations.")
	} else {
		j.sayf(Met, "近 24 小时的 %d 次交互全部经过检测。", "Exchanges in the last 24 h: %d, all checked.", looked)
	}
	if stats.Degraded > 0 {
		j.sayf(Notice, "近 24 小时有 %d 次交互遇到环节故障，按声明的规则处理。", "Exchanges of the last 24 h in which a guard could not work and the declared rule was followed: %d.", stats.Degraded)
	}
	if direction == "out" {
		j.detached(stats.Detached, false)
	}
	if len(away) > 0 {
		j.say(Notice, "曾无法工作的检测器："+strings.Join(away, "、")+"。", "Detectors that could not work at times: "+strings.Join(away, ", ")+".")
	}
	return nil
}

// covers holds the lexicon to the risks of A.1, which the law itself bans.
func (j *judgement) covers(l LexiconFacts) {
	var empty []string
	for _, r := range measures.Risks() {
		if r.Group == "A.1" && l.Counts[r.ID] == 0 {
			empty = append(empty, r.ID)
		}
	}
	sort.Strings(empty)
	j.fact("lexicon", l.Hash)
	j.fact("risks_without_entry", empty)
	if l.Hash == "" {
		j.say(Unknown, "日志账本中没有词库生效的记录。", "The journal does not tell which lexicon is in force.")
		j.mend("启动服务，内置词库会随之生效。", "Start the server; the built-in lexicon takes effect with it.")
		return
	}
	if len(empty) > 0 {
		list := strings.Join(empty, "、")
		j.say(Breach, "词库没有覆盖 "+list+"。", "The lexicon has no entry for "+strings.Join(empty, ", ")+".")
		j.mend("hegui 不附带敏感词表，内置词库只作起步；请用 hegui lexicon import 或控制台的“词库”导入自己的词表并发布。",
			"hegui ships no list of sensitive terms and the built-in lexicon is a start only; import and publish your own lists with hegui lexicon import or in the console.")
	}
}

// checkRefusals: over-blocking is a failure too. The must-answer bank tells what the lexicon refuses wrongly; the model's
// own refusals are not measured on it, so the best status is a notice.
func checkRefusals(ctx context.Context, ev Evidence) (Finding, error) {
	stats, err := ev.windowStats(ctx)
	if err != nil {
		return Finding{}, err
	}
	sample, err := ev.windowSample(ctx)
	if err != nil {
		return Finding{}, err
	}
	j := begin()
	j.overBlocks(ev.Lexicon, ev.Policy)
	j.pending(ev.Lexicon)
	if stats.Total == 0 {
		j.say(Unknown, "近 24 小时没有交互，无从统计。", "There was no exchange in the last 24 h to count.")
		return j.finding()
	}
	j.seen(time.UnixMilli(stats.NewestMS))
	j.ref(ev.windowRef())
	content, judged, bare := 0, 0, 0
	for _, r := range sample {
		if r.Outcome == exchange.Rejected && r.Code != "content_filter" && r.Code != "unscreenable_content" {
			continue // turned away for other reasons than content
		}
		judged++
		switch r.Verdict {
		case exchange.Refuse, exchange.Stop, exchange.Retract, exchange.Replace:
			content++
			if r.Code == "" || r.Reason == "" {
				bare++
				j.ref("exchange:" + r.ID)
			}
		}
	}
	rate := 0.0
	if judged > 0 {
		rate = float64(content) / float64(judged)
	}
	j.fact("exchanges_24h", stats.Total)
	j.fact("looked_at", judged)
	j.fact("refused_for_content", content)
	j.fact("refusal_rate", rate)
	j.fact("refusals_without_reason", bare)
	if bare > 0 {
		j.sayf(Breach, "%d 次拒答没有代码或理由。", "Refusals without code or reason: %d.", bare)
		j.mend("查看所列交互，补上拒答的理由来源。", "Look at the exchanges named and find why no reason was recorded.")
	}
	j.sayf(Met, "近 24 小时查看的 %d 次交互中，因内容拒答 %d 次（%.1f%%）。", "Exchanges looked at in the last 24 h: %d, refused for their content: %d (%.1f %%).", judged, content, 100*rate)
	if rate > 0.01 {
		j.say(Notice, "实际拒答率高于默认目标 1%。", "The live refusal rate is above the default target of 1 %.")
		j.mend("抽查拒答，看词条是否误伤。", "Look through refusals for entries that hit harmless text.")
	}
	return j.finding()
}

// overBlocks judges what the lexicon in force refuses of the must-answer bank. A figure of another policy than the one in
// force proves nothing.
func (j *judgement) overBlocks(l LexiconFacts, p PolicyFacts) {
	j.fact("lexicon", l.Hash)
	j.fact("policy", p.Hash)
	b := l.Bank
	if b == nil || b.Questions == 0 || p.Hash == "" || b.Policy != p.Hash {
		j.say(Unknown, "现行词库和策略尚未用非拒答测试题库检验，误拒率未知。", "The lexicon and policy in force have not been run over the must-answer bank, so the rate of wrong refusals is unknown.")
		j.mend("启动服务，现行词库会随之检验并留下记录。", "Start the server; the lexicon in force is measured with it and the figure recorded.")
		return
	}
	rate := float64(b.Refused) / float64(b.Questions)
	j.ref(l.event())
	j.fact("bank_questions", b.Questions)
	j.fact("bank_refused", b.Refused)
	j.fact("bank_refusal_rate", rate)
	status := Met
	switch {
	case rate > measures.OverBlockLimit:
		status = Breach
		j.mend("查看词库页列出的误伤词条，改其级别或加白名单后重新发布。", "Look at the entries that refuse bank questions on the lexicon page, change their tier or add allow entries, and publish again.")
	case rate > measures.OverBlockTarget:
		status = Notice
		j.say(Notice, "误拒率高于自定目标。", "The lexicon's rate of wrong refusals is above our own aim.")
		j.mend("查看词库页列出的误伤词条。", "Look at the entries that refuse bank questions on the lexicon page.")
	}
	j.sayf(status, "现行词库误拒非拒答测试题库 %d 题中的 %d 题（%.1f%%；上限 5%%，自定目标 2%%）。",
		"Of the questions of the must-answer bank, %d, the lexicon in force refuses %d (%.1f %%; limit 5 %%, our own aim 2 %%).", b.Questions, b.Refused, 100*rate)
	j.say(Notice, "这只检验了词库；模型自身的拒答未经检验，尚不能证明整个服务的误拒率。",
		"This measures the lexicon alone; refusals by the model itself are not measured, so the rate of the whole service is not proved.")
	j.mend("请另行将非拒答测试题库发给模型，统计其自身的拒答。", "Put the must-answer bank to the model yourself and count its own refusals.")
}
