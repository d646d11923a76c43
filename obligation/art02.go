package obligation

// art02 is Article 2: who and what the Measures cover.
func art02() []Control {
	return []Control{{
		Duty:    "SC-01",
		Control: Bilingual{"以签署的问卷判定适用范围，并与实际使用者对照。", "The scope is decided by a signed questionnaire and compared with the users seen."},
		NotYet: &Bilingual{"尚无适用范围问卷，也不统计境内使用者占比。请由法务书面判定适用的规定，并每半年复核一次。",
			"There is no scope questionnaire yet and the share of mainland users is not counted. Have counsel decide in writing which rules apply and look again every half-year."},
	}}
}
