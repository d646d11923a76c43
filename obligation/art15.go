package obligation

// art15 is Articles 15 and 18: complaints.
func art15() []Control {
	return []Control{{
		Duty:    "C15-01",
		Control: Bilingual{"无需登录的投诉、举报入口，公布处理流程与反馈时限。", "A complaint entry without log-in, with process and reply time published."},
		NotYet: &Bilingual{"公示站点尚无投诉、举报入口。请在应用首页提供便捷入口，公布流程与时限，并告知可向网信部门（12377）投诉。",
			"The portal has no complaint entry yet. Offer one on the application's home page, publish process and time limit, and tell people that they may complain to the authorities (12377)."},
	}, {
		Duty:    "C15-02",
		Control: Bilingual{"投诉受理、处理、反馈均在公布的时限内。", "Complaints are accepted, handled and answered within the published time."},
		NotYet:  &Bilingual{"尚无投诉登记与时限管理。请自行登记编号、受理时间、处理结果与反馈时间。", "Complaints and their clocks are not recorded yet. Keep number, receipt, result and time of reply yourself."},
	}}
}
