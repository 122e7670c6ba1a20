package bulk

// Codes of refused files and requests that only the taking in of bytes can tell;
// they stand in [Error.Code] like those of codes.go.
const (
	ErrFileTooLarge    = "file_too_large"    // more bytes than Limits.FileBytes
	ErrDamagedArchive  = "damaged_archive"   // gzip or zstd that does not decompress, or has something behind its end
	ErrOffsetMismatch  = "mismatched_offset" // the bytes do not continue where the upload stands
	ErrLengthMismatch  = "length_mismatch"   // another length than the one announced before
	ErrContentMismatch = "content_mismatch"  // the bytes of one request are not those that were sent
	ErrBusy            = "busy"              // the process takes in as many files as it has memory for
)
