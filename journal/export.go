package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/hegui/hegui/internal/store"
)

// Height of a tile in C2SP tlog-tiles: 256 hashes.
const tileHeight = 8

// Export writes one tree as C2SP tlog-tiles (checkpoint, tile/<L>/…, tile/entries/…) into dir, which must be empty or
// not exist. The export ends at the newest checkpoint, which is what its tiles are checked against; of this node's own
// tree a fresh one is signed first.
func (j *Journal) Export(ctx context.Context, log, dir string, progress func(done, total int64)) error {
	if entries, err := os.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("journal: export: %w", err)
	} else if len(entries) > 0 {
		return fmt.Errorf("journal: export: %s is not empty; name an empty or new directory", dir)
	}
	if log == j.o.Origin && j.writer != nil {
		if _, err := j.Checkpoint(ctx); err != nil {
			return err
		}
	}
	newest, err := j.Checkpoints(ctx, log, 1)
	if err != nil {
		return err
	}
	if len(newest) == 0 {
		return fmt.Errorf("journal: export: %s has no checkpoint; sign one with `hegui journal checkpoint`", log)
	}
	size := newest[0].Size
	tiles := tlog.NewTiles(tileHeight, 0, size)
	total := int64(len(tiles)) + (size+255)/256
	var done int64
	step := func() {
		done++
		if progress != nil {
			progress(done, total)
		}
	}
	reader := newHashes(ctx, j.db.R, log)
	for _, tile := range tiles {
		data, err := tlog.ReadTileData(tile, reader)
		if err != nil {
			return fmt.Errorf("journal: export: %w", err)
		}
		// x/mod puts the height into the path ("tile/8/0/000"), tlog-tiles fixes it at 8 and leaves it out.
		name := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		if err := writeFile(dir, name, data); err != nil {
			return err
		}
		step()
	}
	for n := int64(0); n*256 < size; n++ {
		width := min(256, size-n*256)
		leaves, err := store.Rows[[]byte](ctx, j.db.R, `SELECT leaf FROM journal_event WHERE log = $1 AND seq >= $2 AND seq < $3 ORDER BY seq`, log, n*256, n*256+width)
		if err != nil {
			return fmt.Errorf("journal: export: %w", err)
		}
		if int64(len(leaves)) != width {
			return fmt.Errorf("journal: export: events of %s from %d on are missing; run `hegui journal verify`", log, n*256)
		}
		var bundle []byte
		for _, leaf := range leaves {
			bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(leaf)))
			bundle = append(bundle, leaf...)
		}
		tile := tlog.Tile{H: tileHeight, L: 0, N: n, W: int(width)}
		name := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		if err := writeFile(dir, name, bundle); err != nil {
			return err
		}
		step()
	}
	return writeFile(dir, "checkpoint", []byte(newest[0].Note)) // last: an export without it is not whole
}

func writeFile(dir, name string, data []byte) error {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("journal: export: %w", err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("journal: export: %w", err)
	}
	return nil
}
