package ingest

import "bulkhead/internal/bulk"

func tooLarge(limit int64) error {
	return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrFileTooLarge, "The file is larger than %d bytes. Split it.", limit)
}

func headerTooFar(limit int) error {
	return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrBadHeader, "The header does not end within the first %d bytes. Remove what stands before it.", limit)
}

func offsetMismatch(stands, begins int64) error {
	return bulk.Errorf(bulk.KindConflict, bulk.ErrOffsetMismatch,
		"The upload stands at byte %d but the request begins at %d. Ask for the offset and continue there.", stands, begins)
}

func lengthMismatch(announced, length int64) error {
	return bulk.Errorf(bulk.KindInvalid, bulk.ErrLengthMismatch, "The file was announced with %d bytes, not %d. Send the one that was announced, or start a new import.", announced, length)
}

func digestMismatch(algorithm, is, want string) error {
	return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrDigestMismatch,
		"The file's %s is %s, not %s. Check that it is the right file and that it was not continued with another one.", algorithm, is, want)
}

func lengthExceeded(announced int64) error {
	return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrLengthMismatch, "More bytes came than the %d that were announced. Send the file again with its right length.", announced)
}

func contentMismatch(algorithm string) error {
	return bulk.Errorf(bulk.KindInvalid, bulk.ErrContentMismatch, "The %s of what arrived is not the one that was sent with it. Nothing of it was kept; send it again.", algorithm)
}
