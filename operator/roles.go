package operator

import "slices"

// Capability is a permission to do one kind of thing.
type Capability string

const (
	View             Capability = "view"              // pages and lists, without content
	ReadContent      Capability = "content.read"      // open stored content, each time with a reason that is recorded
	TryService       Capability = "service.try"       // talk to a service through the console
	ManageKeys       Capability = "keys.manage"       // issue and revoke the keys of applications
	ManageUsers      Capability = "users.manage"      // suspend users and lift suspensions
	ManageLexicon    Capability = "lexicon.manage"    // change, publish and approve word lists
	Review           Capability = "review"            // judge samples, second and approve demotions
	ManageDetectors  Capability = "detectors.manage"  // train classifiers, put them in force and out of it
	ReadUnlabelled   Capability = "unlabelled.read"   // see who received content without an explicit label
	ManageUnlabelled Capability = "unlabelled.manage" // record such deliveries
	ManageFunctions  Capability = "functions.manage"  // decide about functions and record their assessments
	ManageStaff      Capability = "staff.manage"      // add staff, issue one-time links, disable
	Verify           Capability = "evidence.verify"   // re-read and recompute the whole journal
)

// Capabilities lists every capability there is, in the order shown to people.
var Capabilities = [...]Capability{View, ReadContent, TryService, ManageKeys, ManageUsers, ManageLexicon, Review, ManageDetectors, ReadUnlabelled, ManageUnlabelled, ManageFunctions, ManageStaff, Verify}

// Role is a named bundle of capabilities; Roles is the whole table.
type Role struct {
	ID, ZH, EN string
	Can        []Capability
}

// Roles lists all roles. Only owner, compliance and moderator may ever see content; an engineer runs the installation and
// an auditor verifies it without reading what people wrote (Art 11: no more than the work needs). It is never changed.
var Roles = []Role{
	{"owner", "负责人", "Accountable owner", Capabilities[:]},
	{"compliance", "合规主管", "Compliance lead", []Capability{View, ReadContent, TryService, ManageKeys, ManageUsers, ManageLexicon, Review, ManageDetectors, ReadUnlabelled, ManageUnlabelled, ManageFunctions, Verify}},
	{"moderator", "审核员", "Moderator", []Capability{View, ReadContent, TryService, ManageUsers, ManageLexicon, Review}},
	{"engineer", "运维工程师", "Engineer", []Capability{View, TryService, ManageKeys, Verify}},
	{"auditor", "审计员", "Auditor", []Capability{View, ReadUnlabelled, Verify}},
}

// RoleByID finds a role in Roles.
func RoleByID(id string) (Role, bool) {
	i := slices.IndexFunc(Roles, func(r Role) bool { return r.ID == id })
	if i < 0 {
		return Role{}, false
	}
	return Roles[i], true
}

// Can tells whether the person's role holds c. A disabled person can do nothing.
func (s Staff) Can(c Capability) bool {
	r, ok := RoleByID(s.Role)
	return ok && !s.Disabled && slices.Contains(r.Can, c)
}
