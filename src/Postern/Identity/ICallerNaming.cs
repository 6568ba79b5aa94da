namespace Postern.Identity;

/// <summary>Which claims name a caller and say what he is, of whomever they come from.</summary>
internal interface ICallerNaming
{
    /// <summary>The issuer's name, first half of the caller's.</summary>
    string Name { get; }

    string Subject { get; }

    string? Display { get; }

    string? Groups { get; }

    CallerKindOptions Kind { get; }
}
