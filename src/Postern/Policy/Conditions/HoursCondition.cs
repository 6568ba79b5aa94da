using System.Collections.Immutable;
using Postern.Configuration;
using Postern.Model;

namespace Postern.Policy.Conditions;

/// <summary><c>hours: "Mon-Fri 08:00-18:00 Europe/Berlin"</c>: when, by the clock on the wall of a place. One of several windows will do.</summary>
internal sealed class HoursCondition(ImmutableArray<HourWindow> windows) : CircumstanceCondition
{
    public override string Text { get; } = $"hours: {string.Join(", ", windows.Select(w => w.Text))}";

    public override Truth Test(in Circumstances circumstances)
    {
        if (circumstances.Now == default)
        {
            return Truth.Unknown;
        }

        foreach (var window in windows)
        {
            if (window.Contains(circumstances.Now))
            {
                return Truth.Yes;
            }
        }

        return Truth.No;
    }

    public static WhenCondition? Read(NodeReader nodes, ConfigNode node, string path)
    {
        var windows = ImmutableArray.CreateBuilder<HourWindow>();
        foreach (var (text, at, line) in nodes.Texts(node, path))
        {
            if (HourWindow.TryParse(text, out var window, out var advice))
            {
                windows.Add(window);
            }
            else
            {
                nodes.Error(at, line, $"'{text}' is no time window; {advice}");
            }
        }

        return windows.Count == 0 ? null : new HoursCondition(windows.ToImmutable());
    }
}
