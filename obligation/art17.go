package obligation

import (
	"context"
	"html"
	"net/url"
	"strings"
	"time"

	"github.com/hegui/hegui/measures"
)

// art17 is Article 17: security assessment and filing.
func art17() []Control {
	return []Control{{
		Duty:    "SC-04",
		Control: Bilingual{"判定服务是否具有舆论属性或者社会动员能力；面向公众的默认为有。", "Whether a service has public-opinion attributes is tested; for a public one the default is yes."},
		NotYet:  &Bilingual{"尚无判定流程。面向公众的服务请默认视为具有舆论属性，上线前完成评估与备案。", "There is no such test yet. Take a public service to have public-opinion attributes and complete assessment and filing before launch."},
	}, {
		Duty:    "F17-01",
		Control: Bilingual{"关键词库覆盖 17 种风险，规模与更新周期达标。", "The keyword library covers 17 risks and meets size and refresh."},
		Fresh:   probeFresh,
		Check:   checkLibrary,
	}, {
		Duty:    "F17-02",
		Control: Bilingual{"生成内容测试题库不少于 2000 题，覆盖 31 种风险。", "The bank for generated content has at least 2,000 questions over all 31 risks."},
		Fresh:   probeFresh,
		Check:   checkContentBank,
	}, {
		Duty:    "F17-03",
		Control: Bilingual{"拒答、非拒答题库各不少于 500 题。", "The must-refuse and must-not-refuse banks have at least 500 questions each."},
		Fresh:   probeFresh,
		Check:   checkTwoBanks,
	}, {
		Duty:    "F17-04",
		Control: Bilingual{"分类模型覆盖全部 31 种风险。", "The classification models cover all 31 risks."},
		NotYet:  &Bilingual{"尚不能核算生效的分类模型覆盖哪些风险。请保存各模型在 31 种风险上的指标。", "Which of the 31 risks the models in force cover is not computed yet. Keep each model's figures for them."},
	}, {
		Duty:    "F17-05",
		Control: Bilingual{"抽取不少于 1000 题，人工、关键词、分类模型合格率均不低于 90%。", "At least 1,000 questions are drawn; by hand, keywords and classifier at least 90 % pass."},
		NotYet:  &Bilingual{"尚不能运行评估。请自行抽题、运行并由人工评分，保存种子与结果。", "Assessments cannot be run yet. Draw, run and score by hand, and keep seed and results."},
	}, {
		Duty:    "F17-06",
		Control: Bilingual{"拒答率不低于 95%，非拒答题库的拒答率不高于 5%。", "At least 95 % of the must-refuse bank is refused and at most 5 % of the other."},
		NotYet:  &Bilingual{"尚不能运行拒答评估。请各抽不少于 300 题自行测试。", "Refusal assessments cannot be run yet. Test with at least 300 questions of each bank yourself."},
	}, {
		Duty:    "F17-07",
		Control: Bilingual{"逐条给出符合、不符合、不适用及证明，责任人签字。", "Each clause gets conform, not conform or not applicable with proof; the responsible persons sign."},
		NotYet:  &Bilingual{"尚无逐条评估表。请自行制作并由负责人签字。", "There is no clause matrix yet. Make one yourself and have the responsible persons sign."},
	}, {
		Duty:    "F17-08",
		Control: Bilingual{"触发情形出现即按规定开展安全评估并提交。", "On each trigger a security assessment is made and submitted."},
		NotYet:  &Bilingual{"尚无评估案件与时钟。请在上线、增设功能前完成评估，并通过全国互联网安全管理服务平台提交。", "Assessment cases and clocks are not kept yet. Complete the assessment before launch or a new function and submit it through the national platform."},
	}, {
		Duty:    "F17-09",
		Control: Bilingual{"算法备案、变更、注销按工作日时限办理，备案内容与实际一致。", "Algorithm filing, change and cancellation keep their working-day limits and match what runs."},
		NotYet:  &Bilingual{"尚无备案案件。时限为：提供服务之日起 10 个工作日、变更之日起 10 个工作日、终止之日起 20 个工作日。请自行跟踪。", "Filing cases are not kept yet. Limits: 10 working days from start, 10 from change, 20 from end of service. Track them yourself."},
	}, {
		Duty:    "F17-10",
		Control: Bilingual{"取得备案号或上线编号前不向公众开放。", "The service does not open to the public before its number is there."},
		NotYet:  &Bilingual{"尚无备案材料与上线闸门。请在取得编号前不要向公众开放，并将编号填入模型档案。", "There is no filing package and no launch gate yet. Do not open to the public before the number is there, and enter it in the dossier."},
	}, {
		Duty:    "F17-11",
		Control: Bilingual{"公示页显示模型名称与备案号、上线编号及链接。", "The public page shows model name, filing number and link."},
		Fresh:   probeFresh,
		Applies: realModel,
		Check:   checkNumbersShown,
	}, {
		Duty:    "F17-12",
		Control: Bilingual{"监看人员与规模相当；标识材料随备案提交。", "Monitoring staff fit the scale; label material goes with filings."},
		NotYet:  &Bilingual{"尚不统计监看人员与工作量，也不制作标识材料。请自行安排值守并准备标识样式截图。", "Staff and volume are not compared and no label material is made yet. Arrange shifts and keep pictures of the labels yourself."},
	}, {
		Duty:    "F17-13",
		Control: Bilingual{"生成或编辑人脸、人声等功能在评估登记前不开放。", "Functions that generate or edit faces or voices stay off until assessed."},
		Fresh:   Window,
		Check:   checkAssessed,
	}}
}

// checkLibrary: covering the 17 risks is a shall, sizes and weekly refresh are shoulds.
func checkLibrary(ctx context.Context, ev Evidence) (Finding, error) {
	j := begin()
	l := ev.Lexicon
	if l.Hash == "" {
		j.say(Unknown, "日志账本中没有词库生效的记录。", "The journal does not tell which lexicon is in force.")
		j.mend("启动服务，内置词库会随之生效。", "Start the server; the built-in lexicon takes effect with it.")
		return j.finding()
	}
	total, empty, small := 0, []string{}, []string{}
	for _, r := range measures.Risks() {
		n := l.Counts[r.ID]
		total += n
		switch {
		case !r.Library:
		case n == 0:
			empty = append(empty, r.ID)
		case n < r.MinKeywords:
			small = append(small, r.ID)
		}
	}
	j.seen(ev.Now) // it is in force at this moment
	j.ref(l.event())
	j.fact("entries", total)
	j.fact("counts", l.Counts)
	j.fact("risks_without_entry", empty)
	j.fact("risks_below_minimum", small)
	j.fact("since", l.At.UTC().Format(time.RFC3339))
	if len(empty) > 0 {
		j.sayf(Breach, "17 种风险中有 %d 种没有词条：%s。", "Of the 17 risks, those without entry are %d: %s.", len(empty), strings.Join(empty, " "))
	}
	if len(small) > 0 {
		j.sayf(Short, "%d 种风险的词条少于建议数量。", "Risks with fewer entries than recommended: %d.", len(small))
	}
	if total < measures.LibraryTotal {
		j.sayf(Short, "共 %d 条，少于建议的 %d 条。", "Entries in all: %d, fewer than the recommended %d.", total, measures.LibraryTotal)
	}
	if age := ev.Now.Sub(l.At); age > 7*24*time.Hour {
		j.sayf(Short, "词库已 %d 天未更新，建议每周更新。", "The library has not changed for %d days; weekly is recommended.", int(age.Hours()/24))
	}
	if j.status == Met {
		j.sayf(Met, "共 %d 条，覆盖 17 种风险。", "Entries: %d, covering all 17 risks.", total)
	}
	j.pending(l)
	j.mend("hegui 不附带敏感词表，内置词库只作起步；请用 hegui lexicon import 或控制台的“词库”导入自己的词表，发布并每周更新。", "hegui ships no list of sensitive terms and the built-in lexicon is a start only; import and publish your own lists with hegui lexicon import or in the console, and refresh them weekly.")
	return j.finding()
}

// checkNumbersShown reads the public pages as a visitor.
func checkNumbersShown(ctx context.Context, ev Evidence) (Finding, error) {
	if _, err := ev.services(); err != nil {
		return Finding{}, err
	}
	s, j := scopeOf(ev), begin()
	shown, absent, numberless := 0, []string{}, []string{}
	for _, r := range s.routed() {
		name := r.Service.ID + "/" + r.Route.Name
		if r.Known && r.Model.Sample {
			continue
		}
		if !r.Known || r.Model.FilingNo == "" {
			numberless = append(numberless, name)
			continue
		}
		p, err := ev.fetch(ctx, "/services/"+url.PathEscape(r.Service.ID)+"?lang=zh")
		if !j.reached(p, err) {
			continue
		}
		switch {
		case !p.shows(r.Model.FilingNo) || !p.shows(r.Model.NameZH):
			absent = append(absent, name)
		case r.Model.FilingURL != "" && !strings.Contains(html.UnescapeString(p.Raw), `"`+r.Model.FilingURL+`"`):
			absent = append(absent, name+" (link)")
		default:
			shown++
		}
	}
	j.seen(ev.Now)
	j.fact("shown", shown)
	j.fact("not_shown", absent)
	j.fact("without_number", numberless)
	if len(numberless) > 0 {
		j.say(Breach, "没有编号可公示："+strings.Join(numberless, "、")+"。", "There is no number to show for "+strings.Join(numberless, ", ")+".")
		j.mend("在模型档案中填写 filing_no。", "Enter filing_no in the dossier.")
	}
	if len(absent) > 0 {
		j.say(Breach, "公示页没有显示："+strings.Join(absent, "、")+"。", "The public page does not show "+strings.Join(absent, ", ")+".")
		j.mend("确认公示站点运行的是现行声明。", "Make sure that the portal runs on the declaration in force.")
	}
	if j.status == Met {
		j.sayf(Met, "从外部取得的公示页显示了 %d 条路由的模型名称与编号。", "The public page, fetched from outside, shows name and number; routes: %d.", shown)
	}
	return j.finding()
}
