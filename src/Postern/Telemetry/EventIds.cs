namespace Postern.Telemetry;

/// <summary>
/// Where each room's log events begin; a room counts on from its own: <c>EventIds.Audit + 1</c>. Operators alert on these numbers, so an id that was
/// released keeps its meaning, and an event that is gone leaves its number unused.
/// </summary>
internal static class EventIds
{
    public const int Hosting = 1000;
    public const int Configuration = 1100;
    public const int Pipeline = 1200;
    public const int Engines = 1300;
    public const int Identity = 1400;
    public const int Policy = 1500;
    public const int Tokens = 1600;
    public const int Audit = 1700;
    public const int Forwarding = 1800;
    public const int Admin = 1900;
    public const int Commands = 2000;
    public const int Storage = 2100;
    public const int OAuth = 2200;
}
