using Postern.Configuration;
using Postern.Model;

namespace Postern.Audit;

/// <summary>Checks the audit block.</summary>
internal static class AuditValidator
{
    public static void Validate(AuditOptions options, string path, Problems problems)
    {
        var names = Permissions.All.Select(p => p.Name()).ToList();
        foreach (var name in options.Classes.Keys)
        {
            if (!Permissions.TryParse(name, out _))
            {
                problems.Error(ConfigPath.Join($"{path}.classes", name), $"there is no permission of this name; {NearestName.Of(name, names) switch
                {
                    { } near => $"did you mean '{near}'?",
                    null => "postern policy matrix lists all",
                }}");
            }
        }
    }
}
