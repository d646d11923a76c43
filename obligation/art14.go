package obligation

// art14 is Article 14: illegal content and users who misuse the service.
func art14() []Control {
	return []Control{{
		Duty:    "I14-01",
		Control: Bilingual{"发现违法内容即停止生成、停止传输并消除各处副本。", "Illegal content stops being generated and transmitted at once, and its copies are removed."},
		NotYet: &Bilingual{"流式检测会当场停止生成与传输，但事后发现的内容尚不能按内容编号在各处消除。请在应用中删除，并以内容编号记录处置。",
			"The streaming check stops generation and transmission on the spot, but content found later cannot be removed everywhere by its content ID yet. Delete it in the application and note what was done under the content ID."},
	}, {
		Duty:    "I14-02",
		Control: Bilingual{"已确认的案件进入规则、题库与模型优化训练。", "Confirmed cases go into rules, banks and model-optimisation training."},
		NotYet:  &Bilingual{"尚无整改流程。请为每个确认的案件记录整改措施及前后测试结果。", "There is no rectification yet. Note for each confirmed case what was changed and the tests before and after."},
	}, {
		Duty:    "I14-03",
		Control: Bilingual{"已确认的违法、不良信息逐件决定是否报告，并报告有关主管部门。", "For each confirmed item it is decided whether to report it, and the report goes to the right authority."},
		NotYet:  &Bilingual{"尚无报告流程。请逐件作出决定，及时向省级网信等部门报告，并保存回执。", "There is no reporting yet. Decide case by case, report promptly to the provincial cyberspace office or the competent department, and keep the receipt."},
	}, {
		Duty:    "U14-01",
		Control: Bilingual{"连续三次或者一天五次违规输入即暂停服务，按警示、限制、暂停、终止逐级处置。", "Three violations in a row or five in a day suspend; the ladder is warn, limit, suspend, terminate."},
		NotYet: &Bilingual{"管理人员可以凭理由暂停和恢复使用者，网关随即执行；但尚不自动计数（连续三次、一天五次），也没有警示与限制两级。请定期查看被拒交互，手动处置。",
			"Staff can suspend and lift users with a reason and the gateway obeys at once; violations are not counted (three in a row, five in a day) and warning and limiting are missing yet. Look through refused exchanges regularly and act by hand."},
	}, {
		Duty:    "U14-02",
		Control: Bilingual{"处置告知使用者理由、期限与申诉途径。", "The user is told reason, term and how to appeal."},
		NotYet: &Bilingual{"被暂停的使用者会收到理由与期限，决定也已留痕；但尚无申诉入口与时限。请公布申诉邮箱并自行登记。",
			"A suspended user is told reason and term and the decision is on record; there is no entry for appeals and no clock yet. Publish an address for appeals and record them yourself."},
	}}
}
