namespace Postern.Dev;

/// <summary>Something in the folder, the arguments or the machine keeps postern-dev from starting. The message is for the person at the terminal.</summary>
internal sealed class DevSetupException(string message, Exception? inner = null) : Exception(message, inner);
