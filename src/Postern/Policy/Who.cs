using Postern.Model;

namespace Postern.Policy;

internal enum WhoKind : byte { Anyone, User, Account, Agent, Group, Issuer, Certificate, Claim }

/// <summary>One pattern of <c>who:</c> or <c>unless:</c>.</summary>
/// <param name="Kind">What of the caller is compared.</param>
/// <param name="Issuer">The issuer whose names are meant; null where the kind has none.</param>
/// <param name="Name">The pattern.</param>
internal sealed record Who(WhoKind Kind, string? Issuer, Glob Name)
{
    /// <summary>Where the claim is, for <see cref="WhoKind.Claim"/>.</summary>
    public string? ClaimPath { get; init; }

    /// <summary>As the operator wrote it.</summary>
    public required string Text { get; init; }

    public bool Matches(Caller caller) => (Issuer is null || caller.Issuer == Issuer) && Kind switch
    {
        WhoKind.Anyone => true,
        WhoKind.User => caller.Kind == CallerKind.Human && Name.Matches(caller.Subject),
        WhoKind.Account => caller.Kind == CallerKind.Service && Name.Matches(caller.Subject),
        WhoKind.Agent => caller.Kind == CallerKind.Agent && Name.Matches(caller.Subject),
        WhoKind.Group => caller.Groups.Any(Name.Matches),
        WhoKind.Issuer => Name.Matches(caller.Issuer),
        WhoKind.Certificate => caller.Certificate is { } certificate && Name.Matches(certificate),
        WhoKind.Claim => ClaimValues.At(caller.Claims, ClaimPath!).Any(Name.Matches),
        _ => false,
    };

    public bool Equals(Who? other) => other is not null && Kind == other.Kind && Issuer == other.Issuer && Name.Text == other.Name.Text && ClaimPath == other.ClaimPath;

    public override int GetHashCode() => HashCode.Combine(Kind, Issuer, Name.Text, ClaimPath);

    public override string ToString() => Text;
}
