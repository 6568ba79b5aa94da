namespace Postern.Model;

/// <summary>
/// The names of the caller assertion: a token that tells workflow and worker who made a call, and that opens nothing. It stands in histories for everybody to read who may read those,
/// so it has a key, a type and an audience of its own, and the gate takes nothing of that type as a credential.
/// </summary>
internal static class CallerAssertion
{
    /// <summary>Its key in <c>header.fields</c>.</summary>
    public const string HeaderKey = "postern-caller";

    /// <summary>The <c>typ</c> in its own head.</summary>
    public const string TokenType = "postern-caller+jwt";

    /// <summary>Its <c>aud</c>.</summary>
    public const string Audience = "postern-caller";
}
