// Apart from the stage, which starts the native part of the SDK: a suite without a worker ends only without that.
/** Whether the runs of minutes are asked for (`./test --long`). */
export const LONG = process.env['POSTERN_LONG'] === '1';

/** A suite that hangs must not hang the others. */
export const LIMIT = { timeout: LONG ? 900_000 : 300_000 };

export const PERMISSION_DENIED = 7;
export const UNAVAILABLE = 14;
export const UNAUTHENTICATED = 16;
