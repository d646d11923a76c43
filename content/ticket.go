package content

import "crypto/hmac"

// Ticket is what lets whoever has it fetch the kept bytes of an item, as signed addresses do: the id stands in labels and is no secret.
func (l *Ledger) Ticket(id string) string { return l.digest("ticket", id)[:32] }

// Admits tells whether a ticket is the one of an item.
func (l *Ledger) Admits(id, ticket string) bool {
	return hmac.Equal([]byte(l.Ticket(id)), []byte(ticket))
}
