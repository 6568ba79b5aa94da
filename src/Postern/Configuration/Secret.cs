namespace Postern.Configuration;

/// <summary>A secret from the configuration. It doesn't print itself; only who presents it asks for <see cref="Reveal"/>.</summary>
internal sealed class Secret(string value)
{
    public string Reveal() => value;

    public override string ToString() => "(secret)";
}
