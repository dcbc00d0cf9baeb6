package httpio

import (
	"net/http"
	"time"
)

// downloadWrite is how long a reader may take for one piece of a download: whoever reads
// keeps getting more, whoever stopped holds nothing for long.
const downloadWrite = 30 * time.Second

// Download is an answer that is written piece by piece and may take longer than the
// server's write timeout in all. Nothing of it leaves before the first piece, so that what
// goes wrong until then is still a clean error; after that the connection is cut.
type Download struct {
	w       http.ResponseWriter
	control *http.ResponseController
	kind    string
	name    string
	begun   bool
}

// NewDownload is a download of a content type, to be kept under a name.
func NewDownload(w http.ResponseWriter, kind, name string) *Download {
	return &Download{w: w, control: http.NewResponseController(w), kind: kind, name: name}
}

// Write sends a piece.
func (d *Download) Write(piece []byte) (int, error) {
	if !d.begun {
		d.begun = true
		h := d.w.Header()
		h.Set("Content-Type", d.kind)
		h.Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
		h.Set("Cache-Control", "no-store")
		d.w.WriteHeader(http.StatusOK)
	}
	// A writer without a connection, as in tests, has no deadline to move.
	_ = d.control.SetWriteDeadline(time.Now().Add(downloadWrite))
	return d.w.Write(piece)
}
