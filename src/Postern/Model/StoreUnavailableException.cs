namespace Postern.Model;

/// <summary>
/// The store can't be asked, or what it answered can't be told: nobody knows whether a write under way was done. Never a "no": whoever needed the answer
/// says that it can't be told.
/// </summary>
internal sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
