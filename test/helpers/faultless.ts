// The doors of a store whose files can be read and written: what says otherwise is thrown.
function fail(file: string, error: Error): never {
  throw new Error(file, { cause: error });
}

export const FAULTLESS = { onFault: fail, onUnreadable: fail };
