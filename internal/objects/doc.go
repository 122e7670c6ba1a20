// Package objects keeps immutable blobs under keys: the batch objects and the
// parts of spooled uploads.
//
// Every store in it guarantees the same, and objectstest checks it:
//
//   - Put returns after the object is durable, whole or not at all, and never
//     replaces an object: of several writers of one key exactly one succeeds.
//   - Get and Open give an object's bytes, or an error that wraps bulk.ErrNotFound.
//   - Delete is idempotent. List may miss what is put or deleted meanwhile, never more.
//
// A key is one or more elements joined by "/", such as "batches/imp_1/7-x.parquet".
// Elements are not empty, do not begin with a dot and hold no backslash, colon or
// control character, so that a key is the same on every file system and cannot
// leave the store. The store is no cache and keeps no index: the ledger knows the keys.
package objects
