package users

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// TicketLife is how long a link to accept the agreement works.
const TicketLife = 24 * time.Hour

const ticketPrefix = "ht1"

// Ticket returns a signed link token with which exactly this user can accept on the portal without logging in (valid for
// a day). Whoever holds the token can accept for the user and do nothing else.
func (r *Register) Ticket(subject, text string, now time.Time) string {
	payload := subject + "~" + text + "~" + strconv.FormatInt(now.Add(TicketLife).Unix(), 36)
	enc := ticketEncoding()
	return ticketPrefix + "." + enc.EncodeToString([]byte(payload)) + "." + enc.EncodeToString(r.sign(payload))
}

// Redeem reads a token. It can be redeemed as often as wanted until it expires; accepting twice changes nothing.
func (r *Register) Redeem(token string, now time.Time) (subject, text string, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[0] != ticketPrefix || len(token) > 1024 {
		return "", "", ErrTicket
	}
	payload, err1 := ticketEncoding().DecodeString(parts[1])
	mac, err2 := ticketEncoding().DecodeString(parts[2])
	if err1 != nil || err2 != nil || !hmac.Equal(mac, r.sign(string(payload))) {
		return "", "", ErrTicket
	}
	f := strings.Split(string(payload), "~")
	if len(f) != 3 {
		return "", "", ErrTicket
	}
	until, err := strconv.ParseInt(f[2], 36, 64)
	if err != nil {
		return "", "", ErrTicket
	}
	if !now.Before(time.Unix(until, 0)) {
		return "", "", ErrTicketExpired
	}
	return f[0], f[1], nil
}

func (r *Register) sign(payload string) []byte {
	m := hmac.New(sha256.New, r.ticket)
	m.Write([]byte("hegui agreement ticket\x00"))
	m.Write([]byte(payload))
	return m.Sum(nil)
}

// commitment stands in an event for a client address: it can be checked against the address while that is kept, and
// tells nothing without the installation's secret.
func (r *Register) commitment(event, address string) string {
	m := hmac.New(sha256.New, r.ticket)
	m.Write([]byte("hegui client address\x00" + event + "\x00" + address))
	return hex.EncodeToString(m.Sum(nil))
}

// ticketEncoding is strict, so that each token has one spelling.
func ticketEncoding() *base64.Encoding { return base64.RawURLEncoding.Strict() }
