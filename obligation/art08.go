package obligation

// art08 is Article 8: data annotation. Nothing of it is in this version.
func art08() []Control {
	return []Control{{
		Duty:    "A8-01",
		Control: Bilingual{"标注任务须有目标、格式、方法、质量指标齐全的规则，安全规则覆盖 31 种风险。", "A task needs rules with goal, format, method and metric; safety rules map all 31 risks."},
		NotYet:  &Bilingual{"尚无标注规则管理。有标注活动的，请自行制定功能性与安全性两套规则；没有的，请书面说明。", "Annotation rules are not managed yet. If you annotate, keep two sets of rules, functional and safety; if not, put that in writing."},
	}, {
		Duty:    "A8-02",
		Control: Bilingual{"未通过培训考核的人员不能领取任务。", "Nobody gets a task without having passed training and exam."},
		NotYet:  &Bilingual{"尚无人员培训考核记录。请自行培训、考核并保存证书与期限。", "Training and exams are not recorded yet. Train and examine people yourself and keep certificates and terms."},
	}, {
		Duty:    "A8-03",
		Control: Bilingual{"同一任务的标注与审核不得由同一人承担。", "Labelling and review of one task never go to one person."},
		NotYet:  &Bilingual{"尚不分派标注任务。请在所用标注工具中分开标注与审核。", "Annotation tasks are not assigned here yet. Keep labelling and review apart in the tool you use."},
	}, {
		Duty:    "A8-04",
		Control: Bilingual{"每批抽样核验，发现违法内容整批作废。", "Every batch is sampled; one with illegal content is scrapped."},
		NotYet:  &Bilingual{"尚不抽样核验标注批次。请逐批人工抽样，含违法不良内容的批次作废。", "Annotation batches are not sampled yet. Sample each batch by hand and scrap those with illegal or undesirable content."},
	}, {
		Duty:    "A8-05",
		Control: Bilingual{"安全性标注逐条经他人审核后才能使用。", "A safety label is used only after another person approved it."},
		NotYet:  &Bilingual{"尚不管理安全性标注。请确保每条至少一名审核人员通过，并分开存储。", "Safety labels are not managed yet. See that at least one reviewer approves each, and store them apart."},
	}}
}
