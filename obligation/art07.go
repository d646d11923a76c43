package obligation

import (
	"context"
	"strings"
)

// art07 is Article 7: training data and base models.
func art07() []Control {
	return []Control{{
		Duty:    "T7-01",
		Control: Bilingual{"训练使用的来源须先登记，每次训练可追溯到来源。", "A source is registered before training uses it; each run can be traced to its sources."},
		NotYet: &Bilingual{"尚无训练数据来源登记。自行训练或微调的，请保存来源清单、类型、规模与授权；只调用他人模型的，请向供方索取说明。",
			"Training-data sources are not registered yet. If you train or fine-tune, keep the list of sources with type, scale and licence; if you only call a model, ask its supplier for them."},
	}, {
		Duty:    "T7-02",
		Control: Bilingual{"每个来源采集前评估、采集后核验，违法不良占比超过 5% 不用。", "Each source is assessed before and verified after collection; above 5 % it is not used."},
		NotYet:  &Bilingual{"尚不对语料来源抽样扫描。请在采集前后自行抽样，违法不良信息超过 5% 的来源不得使用。", "Corpus sources are not sampled yet. Sample them before and after collection and use none with more than 5 % illegal or undesirable items."},
	}, {
		Duty:    "T7-03",
		Control: Bilingual{"按来源类型保存授权、采集记录、合同或使用者授权。", "Licence, collection log, contract or user authorisation is kept by kind of source."},
		NotYet:  &Bilingual{"尚不保存来源的证明材料。请自行归档开源许可、采集记录、采购合同与承诺、使用者授权。", "Proofs of sources are not kept yet. File open licences, collection logs, contracts with promises, and user authorisations yourself."},
	}, {
		Duty:    "T7-04",
		Control: Bilingual{"按语言与模态统计来源多样性，随版本给出质量说明。", "Diversity is computed by language and modality; each release has a quality card."},
		NotYet:  &Bilingual{"尚不统计语料多样性。请在训练报告中说明各语言、各模态的来源及境内外占比。", "Corpus diversity is not computed yet. State sources by language and modality, and the foreign share, in the training report."},
	}, {
		Duty:    "T7-05",
		Control: Bilingual{"训练前对全部语料过滤并隔离命中。", "All corpora are filtered before training and hits quarantined."},
		NotYet:  &Bilingual{"尚无语料扫描。请在训练前用关键词、分类模型和人工抽检过滤全部语料，并保存报告。", "There is no corpus scan yet. Filter all corpora with keywords, a classifier and manual sampling before training and keep the report."},
	}, {
		Duty:    "T7-06",
		Control: Bilingual{"人工抽检不少于 4000 条、技术抽检不少于 10%，计算合格率。", "At least 4,000 items by hand and 10 % by tools are drawn and the pass rates computed."},
		NotYet:  &Bilingual{"尚不做语料抽检。请按 96% 与 98% 的合格率自行抽检并留存随机种子与结果。", "Corpora are not sampled yet. Sample for pass rates of 96 % and 98 % yourself and keep seed and results."},
	}, {
		Duty:    "T7-07",
		Control: Bilingual{"训练前识别知识产权风险，接到投诉即停用。", "Intellectual-property risks are identified before training; use stops on complaint."},
		NotYet:  &Bilingual{"尚无语料知识产权核对。请指定负责人、建立投诉渠道，并对侵权语料停用。", "Corpora are not checked for intellectual property yet. Name a responsible person, offer a complaint channel, stop using what infringes."},
	}, {
		Duty:    "T7-08",
		Control: Bilingual{"检测语料中的个人信息，绑定同意或去除。", "Personal information in corpora is found and bound to a consent or removed."},
		NotYet:  &Bilingual{"尚不检测语料中的个人信息。请在训练前自行检测，未取得同意且无其他法定依据的予以去除。", "Personal information in corpora is not looked for yet. Find it before training and remove what has neither consent nor another lawful ground."},
	}, {
		Duty:    "T7-09",
		Control: Bilingual{"每条路由的模型档案载有备案号或上线编号。", "The dossier of every routed model holds a filing or registration number."},
		Fresh:   probeFresh,
		Applies: realModel,
		Check:   checkFiledModels,
	}, {
		Duty:    "T7-10",
		Control: Bilingual{"默认不将使用者输入用于训练，并提供便捷的关闭方式。", "Users' input is not used for training unless they agreed, and switching it off is easy."},
		NotYet: &Bilingual{"hegui 不导出任何内容用于训练，但尚不向使用者提供开关，也无法证明上游模型不用于训练。请在合同中约束上游，并在应用中提供开关。",
			"hegui exports nothing for training, but it offers users no switch yet and cannot show what an upstream model does. Bind upstream by contract and offer the switch in the application."},
	}}
}

// checkFiledModels rests on the dossiers in force; the clause behind it is not confirmed in the present standard, which
// the duty's Verified tells.
func checkFiledModels(ctx context.Context, ev Evidence) (Finding, error) {
	if _, err := ev.services(); err != nil {
		return Finding{}, err
	}
	s, j := scopeOf(ev), begin()
	if err := j.declares(ctx, ev, s); err != nil {
		return Finding{}, err
	}
	filed, unfiled := map[string]string{}, []string{}
	for _, r := range s.routed() {
		switch {
		case r.Known && r.Model.Sample:
		case r.Known && r.Model.FilingNo != "":
			filed[r.Model.ID] = r.Model.FilingNo
		default:
			unfiled = append(unfiled, r.Service.ID+"/"+r.Route.Name)
		}
	}
	j.fact("filed", filed)
	j.fact("routes_without_number", unfiled)
	if len(unfiled) > 0 {
		j.say(Breach, "路由 "+strings.Join(unfiled, "、")+" 的模型没有备案号或上线编号。", "The models of "+strings.Join(unfiled, ", ")+" have no filing or registration number.")
		j.mend("在模型档案中填写 filing_no 与 filing_url；没有编号的模型不要向公众开放。", "Enter filing_no and filing_url in the dossier; do not offer a model without number to the public.")
	} else {
		j.sayf(Met, "%d 个模型都登记了编号。", "Models: %d, all with a number on record.", len(filed))
	}
	j.say(Notice, "编号由提供者填写，未与国家网信办公告核对。", "Numbers are as the provider entered them and are not compared with the published lists.")
	j.mend("请与公告核对编号。", "Compare the numbers with the published lists.")
	return j.finding()
}
